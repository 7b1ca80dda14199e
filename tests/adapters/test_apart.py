"""Work for the pages that a large history would make slow: done by another process, with the same outcome."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

import made_up
from sluice.errors import BadInputError
from sluice.histories import Origin
from sluice.settings import Settings
from sluice.stream import ahead, apart
from sluice.stream.slips import warn_of_slips
from sluice.stream.tools import connect


def test_another_process_finds_the_same_and_raises_the_same(
    services: Settings, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = connect(dataclasses.replace(services, ledger_url=ledger_url))
    made_up.load(tools.ledger, list(made_up.histories(60, days=40)))
    here = apart.apart(tools, ahead.outlooks, Origin.LIVE, made_up.NOW)
    monkeypatch.setattr(apart, "LARGE", 0)
    ran: list[list[str]] = []
    run = apart.subprocess.run
    monkeypatch.setattr(apart.subprocess, "run", lambda command, **how: ran.append(command) or run(command, **how))
    there = apart.apart(tools, ahead.outlooks, Origin.LIVE, made_up.NOW)
    assert here.forecasts and there.forecasts == here.forecasts
    assert (there.calibration, there.experience, there.at) == (here.calibration, here.experience, here.at)
    assert [len(f.trials) for f in there.forecasts.values()] == [len(f.trials) for f in here.forecasts.values()]
    with pytest.raises(BadInputError, match="too few"):
        apart.apart(tools, ahead.fitted, Origin.SIMULATED, made_up.NOW)
    assert len(ran) == 2


def test_what_was_promised_is_kept_and_the_pages_see_that_it_slips(services: Settings, ledger_url: str) -> None:
    tools = connect(dataclasses.replace(services, ledger_url=ledger_url))
    made_up.load(tools.ledger, list(made_up.histories(60, days=40)))
    object.__setattr__(tools, "now", lambda: made_up.NOW)
    first = ahead.outlooks(tools, Origin.LIVE, made_up.NOW)
    assert first.forecasts and not first.promises
    assert warn_of_slips(tools) == [], "nothing slips when it is promised"
    kept = ahead.outlooks(tools, Origin.LIVE, made_up.NOW)
    assert kept.promises == {i: f.p85 for i, f in first.forecasts.items() if f.p85} and not kept.slips
    later = made_up.NOW + timedelta(days=30)
    late = ahead.outlooks(tools, Origin.LIVE, later)
    assert late.promises == kept.promises, "a promise does not move"
    assert set(late.slips) == set(kept.promises)
    assert all(s.cause and s.late > 0 for s in late.slips.values())
