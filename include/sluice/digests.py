"""The morning digest (what moved, what is stuck and on whom, what is due) and the weekly report a manager can forward.

Plain data: a title, sentences, and sections of tables; templates and the terminal give it its look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from sluice.flow.summary import StreamSummary
from sluice.flow.timeline import CalendarOf, always
from sluice.histories import Baseline
from sluice.insight.board import Board, Card, board
from sluice.insight.choice import Choice, Chosen, choose
from sluice.insight.columns import Columns, instant
from sluice.insight.scoreboard import score
from sluice.insight.stream import stream_summary
from sluice.ledger import Request, RequestState, Transaction
from sluice.notifications.waiting import holders
from sluice.policy import Policy
from sluice.pull.deadlines import Deadline, deadlines
from sluice.stages import Clock, Event
from sluice.words import day, duration, moment

MOST = 15
"""Lines of a table in a letter; what is left out is counted."""
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Section:
    """A table with its heading. `left_out` lines were not shown; `empty` is what to say when there is none."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    left_out: int = 0


@dataclass(frozen=True)
class Digest:
    """A letter of several sections."""

    title: str
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "title": self.title,
            "sentences": list(self.sentences),
            "sections": [
                {"heading": s.heading, "columns": list(s.columns), "rows": [list(r) for r in s.rows], "empty": s.empty, "left_out": s.left_out}
                for s in self.sections
            ],
        }  # fmt: skip


def morning_digest(tx: Transaction, policy: Policy, lines: Columns, since: datetime, now: datetime) -> Digest:
    """What moved since then, what is stuck and on whom, what is due. Live requests only."""
    chosen = choose(lines.take(~lines.simulated), Choice(days=90), now)
    here = board(chosen, now, policy.wip.stages)
    open_ = {r.id: r for r in tx.requests(state=RequestState.OPEN) if r.origin == "live"}
    late = _due(tx, policy, open_, now)
    return Digest(
        f"Sluice on {day(now)}: {_count(len(_cards(here)), 'waits', 'wait')} for somebody, {_count(len(late), 'is', 'are')} due",
        (here.sentence,),
        (_moved(tx, chosen, since, now), _stuck(tx, policy, here, open_, now), _section(
            "Due", ("Source", "What", "By", "How it stands"), late, "Nothing is due soon, and nothing is late.")),
    )  # fmt: skip


def weekly_report(
    lines: Columns, baselines: Sequence[Baseline], now: datetime, calendar_of: CalendarOf = always
) -> Digest:
    """How the flow did in the last seven days, beside the baseline and the weeks before. Live requests only."""
    chosen = choose(lines.take(~lines.simulated), Choice(days=90), now)
    here, summary = board(chosen, now), stream_summary(chosen.recent, now, calendar_of=calendar_of)
    whole = score(chosen, baselines[0] if baselines else None, now)
    weeks = _weeks(chosen.published, now)
    said = [
        f"{_count(weeks[-1][1], 'request was', 'requests were')} published in the last seven days, {weeks[-2][1]} in the seven before.",
        f"Of {whole.now.n} published in the last 90 days, half took {duration(whole.now.p50)} or less, 85% {duration(whole.now.p85)} or less."
        if whole.now.p50 is not None and whole.now.p85 is not None else "Nothing was published in the last 90 days.",
        whole.against.said if whole.against else "No baseline is frozen yet: `sluice flow import` reads the history to compare with.",
        summary.bottleneck, here.sentence,
    ]  # fmt: skip
    throughput = tuple((f"{day(begin)}", str(n), duration(p50) if p50 is not None else "–") for begin, n, p50 in weeks)
    return Digest(
        f"Sluice, week to {day(now)}: {_count(weeks[-1][1], 'source', 'sources')} published",
        tuple(s for s in said if s),
        (
            Section("Week by week", ("Seven days from", "Published", "Half took at most"), throughput, ""),
            _stages(summary),
            _queues(here),
            _section("Oldest under way", ("Source", "Use case", "Stage", "Age", "Waits for"),
                     [(c.source, c.use_case or "–", c.standing.at, duration(c.age), c.standing.waits_for or "–") for c in _oldest(here)],
                     "Nothing is under way."),
        ),
    )  # fmt: skip


def _moved(tx: Transaction, chosen: Chosen, since: datetime, now: datetime) -> Section:
    known = chosen.recent
    events = tx.events_of([str(i) for i in known.ids[(known.as_of >= since.timestamp())]])
    sources = dict(zip(known.ids, known.source, strict=True))
    states = dict(zip(known.ids, known.state, strict=True))
    found: list[tuple[datetime, tuple[str, ...]]] = []
    for request_id, own in events.items():
        new = [e for e in own if since <= e.at <= now and e.table is None]
        done = [e.stage.value for e in new if e.event is Event.COMPLETED and e.role is None]
        signed = sorted({e.role for e in new if e.event is Event.APPROVED and e.role})
        sent = [e for e in new if e.event is Event.RETURNED and e.role]
        said = [f"passed {', '.join(done)}"] if done else []
        said += [f"signed by {', '.join(signed)}"] if signed else []
        said += [f"sent back by {sent[-1].role}"] if sent else []
        if states[request_id] != RequestState.OPEN:
            said = [f"{states[request_id]}", *said]
        if said:
            found.append((max(e.at for e in new), (sources[request_id], "; ".join(said))))
    rows = [row for _, row in sorted(found, key=lambda f: f[0], reverse=True)]
    return _section(f"Moved since {moment(since)}", ("Source", "What happened"), rows, "Nothing has moved.")


def _stuck(tx: Transaction, policy: Policy, here: Board, open_: dict[str, Request], now: datetime) -> Section:
    rows = []
    for card in sorted(_cards(here), key=lambda c: -c.waited):
        request = open_.get(card.id)
        who = dict.fromkeys(
            p for role in card.standing.roles for p in (holders(tx, policy, role, request, now) if request else ())
        )
        names = f" ({', '.join(who)})" if who else ""
        rows.append((card.source, card.standing.at, f"{card.standing.waits_for}{names}", duration(card.waited)))
    return _section("Stuck, and on whom", ("Source", "Stage", "Waits for", "For"), rows, "Nothing waits for anybody.")


def _due(tx: Transaction, policy: Policy, open_: dict[str, Request], now: datetime) -> list[tuple[str, ...]]:
    events = tx.events_of(list(open_))
    found: list[tuple[datetime, tuple[str, ...]]] = []
    for request in open_.values():
        for late in deadlines(policy, request, Clock(events[request.id])):
            if standing := late.standing(now):
                found.append((late.due, (request.source, _what(late), moment(late.due), _words(standing, late, now))))
    return [row for _, row in sorted(found, key=lambda f: f[0])]


def _what(late: Deadline) -> str:
    return late.stage.value if late.stage else "the whole request"


def _words(standing: str, late: Deadline, now: datetime) -> str:
    gap = duration(abs((late.due - now).total_seconds()))
    return f"late by {gap}" if standing == "missed" else f"{gap} left"


def _cards(here: Board) -> list[Card]:
    """Cards that wait for somebody or are held back; those that are worked on are not stuck."""
    return [c for lane in here.lanes for c in (*lane.cards, *lane.ready) if c.standing.waits_for]


def _oldest(here: Board) -> list[Card]:
    return sorted((c for lane in here.lanes for c in (*lane.cards, *lane.ready)), key=lambda c: -c.age)


def _stages(summary: StreamSummary) -> Section:
    rows = [
        (s.stage.value, duration(s.elapsed.p50 or 0.0), duration(s.elapsed.p85 or 0.0), f"{s.critical_share:.0%}")
        for s in summary.stages
    ]
    return _section("Where the time goes", ("Stage", "Half take at most", "85% take at most", "Share of lead time"), rows, "No stage has been passed yet.")  # fmt: skip


def _queues(here: Board) -> Section:
    rows = [(w.role, str(w.count), w.longest.source, duration(w.longest.waited)) for w in here.waiting]
    return _section("Who is waited for", ("Role", "Requests", "Longest", "For"), rows, "Nobody is waited for.")


def _weeks(published: Columns, now: datetime, weeks: int = 8) -> list[tuple[datetime, int, float | None]]:
    lead = published.ended - published.requested
    found = []
    for i in range(weeks, 0, -1):
        begin, end = now - i * WEEK, now - (i - 1) * WEEK
        own = lead[(published.ended > begin.timestamp()) & (published.ended <= end.timestamp())]
        found.append((instant(begin.timestamp()), len(own), float(np.median(own)) if len(own) else None))
    return found


def _section(heading: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> Section:
    return Section(heading, columns, tuple(rows[:MOST]), empty, max(len(rows) - MOST, 0))


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def morning_of(on: date) -> str:
    """The key of a day's digest."""
    return f"digest/{on.isoformat()}"
