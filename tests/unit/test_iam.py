"""The role that docs/production.md gives to workers allows what their code does."""

from __future__ import annotations

import re

import pytest

from aws_calls import PROJECT, allowed
from sluice.stream.costing import FOLDERS
from sluice.stream.offboard import FOLDERS as DESTROYED

LAKE_FORMATION = PROJECT / "include/sluice/adapters/access/lake_formation.py"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_the_lake_is_read_and_written(folder: str) -> None:
    deeper = "/source/table/data/file" if folder == "warehouse" else "/source/table/file"
    thing = f"arn:aws:s3:::company-lake/sluice/{folder}{deeper}"
    assert allowed("s3:GetObject", thing)
    assert allowed("s3:PutObject", thing)
    assert allowed("s3:DeleteObject", thing) is (folder in DESTROYED), "evidence stays"


def test_every_call_of_lake_formation_is_allowed() -> None:
    code = LAKE_FORMATION.read_text()
    calls = set(re.findall(r"_client\.([a-z_]+)\(", code)) | set(re.findall(r'_pages\("([a-z_]+)"', code))
    assert calls >= {"grant_permissions", "add_lf_tags_to_resource", "list_permissions"}
    for call in calls:
        name = "".join(part.capitalize() for part in call.split("_")).replace("Lf", "LF")
        assert allowed(f"lakeformation:{name}"), name
