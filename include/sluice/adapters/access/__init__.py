"""Who may read the lake: AWS Lake Formation beside an `s3://` lake, the file system beside a `file://` lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.access import AccessControl


def open_access(lake: str) -> AccessControl:
    """The access control that belongs to the lake at this URI."""
    if lake.startswith("file://"):
        from sluice.adapters.access.files import FileAccess

        return FileAccess()
    from sluice.adapters.access.lake_formation import LakeFormation

    return LakeFormation()
