"""Catalogs of Iceberg tables: Glue beside an `s3://` lake, the SQL catalog beside a `file://` lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.settings import Settings

if TYPE_CHECKING:
    from sluice.adapters.catalogs.iceberg import IcebergCatalog


def open_catalog(settings: Settings, lake: str) -> IcebergCatalog:
    """The catalog that belongs to the lake at this URI."""
    from sluice.adapters.catalogs.iceberg import IcebergCatalog

    if lake.startswith("file://"):
        from sluice.adapters.catalogs.sql import load_sql

        url = settings.catalog
        return IcebergCatalog("sql", lambda: load_sql(url))
    from sluice.adapters.catalogs.glue import load_glue

    return IcebergCatalog("glue", load_glue)
