"""docs/lead-time.md: the serial three weeks beside Sluice, simulated. `python -m sluice.simulation.lead_time` writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sluice.flow.kinds import Kind
from sluice.simulation.model import Lognormal, Scenario
from sluice.simulation.scenarios import ANSWER, ASSUMPTIONS, SERIAL, SLUICE, STEPWISE
from sluice.simulation.whatif import Outcome, outcomes

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
SEED = 20261122
REQUESTS = 1000
_KINDS = {
    Kind.WORK: "work", Kind.QUEUE: "queue", Kind.APPROVER: "approvers, on duty", Kind.REQUESTER: "requester",
    Kind.SYSTEM: "systems", Kind.OFF_HOURS: "off hours",
}  # fmt: skip


def document(requests: int = REQUESTS, seed: int = SEED) -> str:
    """The page, the same for the same seed."""
    found = outcomes(STEPWISE, begin=BEGIN, seed=seed, requests=requests)
    return "\n".join(
        [
            *_head(found, requests, seed),
            *_results(found),
            *_split(found),
            *_sensitivity(requests // 2, seed),
            *_assumed(),
            "",
        ]
    )


def _days(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 86400:.1f} d"


def _head(found: Sequence[Outcome], requests: int, seed: int) -> Iterator[str]:
    yield "# From three weeks to one: a simulation"
    yield ""
    yield (
        "**This is a simulation, not a field result.** Nobody's lead time was measured for it. It asks one question: if the people "
        "answer exactly as fast as before, how much of the three weeks goes away when they are asked at once instead of one after "
        "the other, and when machines do the work between their answers? What really happens is on the scoreboard, against a "
        "baseline you import (`docs/flow.md`)."
    )
    yield ""
    yield (
        f"{requests:,} requests per way of working, seed {seed}. To make this page again: "
        "`PYTHONPATH=include python -m sluice.simulation.lead_time > docs/lead-time.md`; a test holds the page to the program. "
        f"`sluice flow simulate --requests {requests} --seed {seed}` shows the same in the terminal, and with `--fitted` your own history."
    )
    yield ""
    yield (
        f"Half of the simulated requests take {_days(found[0].lead.p50)} or less in the serial process and {_days(found[2].lead.p50)} "
        f"or less with Sluice ({found[2].share:.0%} less). The three weeks are an input: the answer times of people are fitted to the claim."
    )
    yield ""


def _results(found: Sequence[Outcome]) -> Iterator[str]:
    yield "## One change at a time"
    yield ""
    yield "Lead time on the wall clock, from the request to the published table."
    yield ""
    yield "| way of working | half within | 85% within | 95% within | median less than the first |"
    yield "|---|---:|---:|---:|---:|"
    for o in found:
        less = "" if o is found[0] else f"{_days(o.saved)} ({o.share:.0%})"
        yield f"| {o.name} | {_days(o.lead.p50)} | {_days(o.lead.p85)} | {_days(o.lead.p95)} | {less} |"
    yield ""


def _split(found: Sequence[Outcome]) -> Iterator[str]:
    yield "## Work and wait"
    yield ""
    yield (
        "Share of all lead time. Every second is counted once, as what moves the request rather than what holds it. Off hours are "
        "nights and weekends in which everybody who was asked was away; in the serial process, work and the wait for "
        "somebody's list (queue) include the nights and weekends they lie over."
    )
    yield ""
    yield f"| way of working | {' | '.join(_KINDS.values())} | flow efficiency |"
    yield f"|---|{'---:|' * (len(_KINDS) + 1)}"
    for o in found:
        spent = {Kind.WORK: o.summary.work, **o.summary.waits}
        total = sum(spent.values())
        cells = " | ".join(f"{spent[k] / total:.1%}" for k in _KINDS)
        yield f"| {o.name} | {cells} | {o.summary.efficiency or 0:.1%} |"
    yield ""
    yield (
        "With Sluice flow efficiency *falls*, because the work between the answers shrinks from days to minutes while people are "
        "still waited for: what is left of the week is waiting for signatures. That is the next thing to improve, and why the "
        "policy can approve a tier beforehand."
    )
    yield ""


def _sensitivity(requests: int, seed: int) -> Iterator[str]:
    yield "## If people are faster or slower than assumed"
    yield ""
    yield "| a role looks within (half, business days of 8 h) | serial, by hand | Sluice | less |"
    yield "|---|---:|---:|---:|"
    for factor in (0.5, 1.0, 2.0):
        before, now = outcomes(
            [_paced(SERIAL, factor), _paced(SLUICE, factor)], begin=BEGIN, seed=seed, requests=requests
        )
        yield f"| {ANSWER.median * factor / 28800:.2f} d | {_days(before.lead.p50)} | {_days(now.lead.p50)} | {now.share:.0%} |"
    yield ""


def _paced(scenario: Scenario, factor: float) -> Scenario:
    pace = Lognormal(ANSWER.median * factor, ANSWER.p85 * factor)
    return replace(scenario, roles={n: replace(r, latency=pace) for n, r in scenario.roles.items()})


def _assumed() -> Iterator[str]:
    yield "## Every assumption"
    yield ""
    yield "| what | value | where it comes from |"
    yield "|---|---|---|"
    for a in ASSUMPTIONS:
        yield f"| {a.what} | {a.value} | {a.source} |"
    yield ""
    yield "## What it does not show"
    yield ""
    yield (
        "- That your approvers answer in these times: import your own tickets and see.\n"
        "- Anything that makes people faster: reminders, evidence on one page, delegation while away.\n"
        "- Holidays, sickness, quarter-ends, and answers that depend on each other: a crowd is slower than this.\n"
        "- Sources that take hours to land. They add their hours to both."
    )


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
