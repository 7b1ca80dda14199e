"""Sent back and taken back on the real stack: the run goes on from where people sent it, and what they signed stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import ROLES, Stack

pytestmark = pytest.mark.stack
Source = Callable[..., Path]


def decided(stack: Stack, request: str, gate: str, role: str, *what: str) -> None:
    done = stack.run(
        "decide", request, "--gate", gate, "--role", role, "--user", ROLES[role], *what, "--comment", "seen"
    )
    assert done.returncode == 0, done.stderr


def attempts(overview: dict[str, Any], stage: str) -> int:
    return int(next(s["attempts"] for s in overview["flow"]["stages"] if s["stage"] == stage))


def test_returned_to_land_it_is_landed_again_and_signatures_on_the_same_evidence_stay(
    stack: Stack, source: Source
) -> None:
    request = str(stack.json("request", str(source("rework")))["id"])
    stack.approve(request, "admission")
    stack.wait(request, lambda o: o["gates"]["publication"]["open"])
    decided(stack, request, "publication", "business", "--approve")
    decided(stack, request, "publication", "security", "--approve")
    decided(stack, request, "publication", "compliance", "--return", "--to", "land")
    back = stack.json("status", request)
    assert (back["state"], back["at"]) == ("open", ["land"])
    assert not back["gates"]["publication"]["open"]

    again = stack.wait(request, lambda o: o["gates"]["publication"]["open"], seconds=240)
    assert attempts(again, "land") == 2
    assert sorted(again["waiting_for"]) == ["architecture", "compliance", "governance"]
    decided(stack, request, "publication", "security", "--revoke")
    for role in ("compliance", "governance", "architecture", "security"):
        decided(stack, request, "publication", role, "--approve")
    done = stack.wait(request, lambda o: o["state"] != "open", seconds=240)
    assert done["state"] == "published", done["reason"]
    assert stack.wait_run(request) == "success"
    assert stack.run("ledger", "verify").returncode == 0
    report = stack.json("audit", "rework")
    assert report["requests"][0]["rework"] == 1
    assert [d["verdict"] for d in report["requests"][0]["gates"][1]["decisions"]].count("approve") == 6
