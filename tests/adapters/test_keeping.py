"""A round of keep_flowing: every step is done, whatever becomes of the others."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest
from click.testing import CliRunner

from sluice.errors import TransientError
from sluice.settings import Settings
from sluice.stream.keeping import Keeper, Step, failures, keep
from sluice.stream.rounds import STEPS
from sluice.stream.tools import connect


def no_airflow() -> Any:
    raise TransientError("API_UNAVAILABLE", "nobody answers")


@pytest.fixture
def keeper(services: Settings, ledger_url: str, lake: str) -> Keeper:
    return Keeper(connect(dataclasses.replace(services, ledger_url=ledger_url, lake=lake)), lambda _: None, no_airflow)


def test_a_step_that_fails_stops_no_other_and_is_named(keeper: Keeper) -> None:
    done: list[str] = []

    def good(_: Keeper) -> str:
        done.append("good")
        return "one thing"

    def bad(_: Keeper) -> str:
        raise ZeroDivisionError("division by zero")

    outcomes = keep(keeper, [Step("a", "", good), Step("b", "", bad), Step("c", "", good)])
    assert done == ["good", "good"]
    assert [(o.step, o.did, bool(o.error)) for o in outcomes] == [
        ("a", "one thing", False), ("b", "", True), ("c", "one thing", False),
    ]  # fmt: skip
    error = failures(outcomes)
    assert error is not None
    assert "1 of 3 steps failed: b: [INTERNAL] ZeroDivisionError: division by zero" in str(error)
    assert failures([outcomes[0]]) is None


def test_a_round_with_nothing_to_do_does_nothing_and_is_cheap(keeper: Keeper) -> None:
    keep(keeper, STEPS)
    began = time.process_time()
    outcomes = keep(keeper, STEPS)
    assert failures(outcomes) is None, outcomes
    assert [o.did for o in outcomes if o.did] == []
    assert time.process_time() - began < 0.5


def test_the_command_does_the_same_round(
    services: Settings, ledger_url: str, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sluice.cli import cli

    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    monkeypatch.setenv("SLUICE_HOME", str(services.home))
    monkeypatch.setenv("SLUICE_LAKE", lake)
    for name, value in services.aws_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLUICE_AWS_PORT", str(services.aws_port))
    shown = CliRunner().invoke(cli, ["tick"], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert "deliver what is due" in shown.output
    found = json.loads(CliRunner().invoke(cli, ["tick", "--json"], catch_exceptions=False).output)
    assert [o["step"] for o in found] == [s.name for s in STEPS]
