"""Where the lake is: said, remembered, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import UsageError
from sluice.settings import DEFAULT_LAKE, lake_uri, load


@pytest.mark.parametrize(
    "text", ["", "lake", "/tmp/lake", "gs://lake", "s3://", "file://", "file:///", "file://host/lake", "file:lake"]
)
def test_what_is_no_lake_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither an s3:// URI nor a file:// URI"):
        lake_uri(text)


def test_a_folder_is_kept_whole_and_quoted(tmp_path: Path) -> None:
    assert lake_uri(f"file://{tmp_path}/my lake/../lake/") == (tmp_path / "lake").as_uri()
    assert lake_uri("s3://company/lake/") == "s3://company/lake"


def test_the_home_remembers_and_the_environment_decides(tmp_path: Path) -> None:
    assert load({"SLUICE_HOME": str(tmp_path)}).lake == DEFAULT_LAKE
    (tmp_path / "lake").write_text(f"file://{tmp_path}/kept\n")
    kept = load({"SLUICE_HOME": str(tmp_path)})
    assert kept.lake == (tmp_path / "kept").as_uri() and kept.local_lake
    assert load({"SLUICE_HOME": str(tmp_path), "SLUICE_LAKE": "s3://other"}).lake == "s3://other"


def test_a_lake_of_files_without_a_catalog_says_so(tmp_path: Path) -> None:
    settings = load({"SLUICE_HOME": str(tmp_path), "SLUICE_LAKE": f"file://{tmp_path}/lake"})
    with pytest.raises(UsageError, match="NO_CATALOG"):
        _ = settings.catalog
    assert load(
        {"SLUICE_HOME": str(tmp_path), "SLUICE_CATALOG_URL": "postgresql+psycopg://db/catalog"}
    ).catalog.endswith("/catalog")
