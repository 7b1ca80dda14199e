"""The role that docs/production.md gives to workers allows what their code does."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from sluice.stream.costing import FOLDERS
from sluice.stream.offboard import FOLDERS as DESTROYED

PROJECT = Path(__file__).parents[2]
STATEMENTS = json.loads((PROJECT / "include/deploy/iam/worker.json").read_text())["Statement"]
LAKE_FORMATION = PROJECT / "include/sluice/adapters/access/lake_formation.py"


def allowed(action: str, resource: str = "*") -> bool:
    def effects(effect: str) -> bool:
        return any(
            action in _listed(s["Action"]) and any(fnmatchcase(resource, r) for r in _listed(s["Resource"]))
            for s in STATEMENTS
            if s["Effect"] == effect
        )

    return effects("Allow") and not effects("Deny")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


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
