"""The flow: REST for programs, each chart's CSV, and what its pages read.

The pages read one line per request (sluice.insight), which this process keeps beside the ledger and renews by
sequence number: whatever was written before a page was asked for is on it.
"""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from sluice.calendars import Calendar
from sluice.errors import RefusedError
from sluice.flow.summary import as_json
from sluice.insight import charts
from sluice.insight.board import Card, board
from sluice.insight.choice import PERIODS, Choice, Chosen, choose
from sluice.insight.columns import Columns, Lines
from sluice.insight.reading import READER, catch_up
from sluice.insight.scoreboard import score
from sluice.insight.stream import TargetOf, roles_chart, stages_chart, stream_summary
from sluice.insight.tables import Chart, as_csv
from sluice_airflow.web.access import tools
from sluice_airflow.web.vega import VERSION

routes = APIRouter()

MANY = 10_000
READING_SECONDS = 1.0
"""How long a page may spend on reading new history; what is left is read by the next one."""
_HELD: WeakKeyDictionary[Any, Lines] = WeakKeyDictionary()


@dataclass(frozen=True)
class Sight:
    """What a page sees: the chosen requests at a time. `behind` events were written and are not read yet."""

    chosen: Chosen
    now: datetime
    behind: int

    def content(self, *shown: Chart, **more: Any) -> dict[str, Any]:
        """What every flow page's template needs."""
        return {
            "chosen": self.chosen, "choice": self.chosen.choice, "question": self.chosen.choice.question, "now": self.now,
            "behind": self.behind, "simulated": self.chosen.simulated, "periods": PERIODS, "vega": VERSION, "charts": {c.name: c for c in shown}, **more,
        }  # fmt: skip


def all_lines(seconds: float = READING_SECONDS) -> tuple[Columns, int]:
    """All requests' lines, and how many events they do not hold yet; new ones are read for at most so long."""
    ledger = tools().ledger
    first = ledger not in _HELD
    held = _HELD.setdefault(ledger, Lines(ledger))
    with ledger.reading() as tx:
        come, newest, written = tx.lines_state(READER)
    if come == newest:  # most of the time nothing has happened since the last page, and one look says so
        return _settled(held.read(written), first), 0
    until = time.monotonic() + seconds
    left = catch_up(ledger, lambda: time.monotonic() < until, calendars())
    return _settled(held.read(), first), left


def _settled(columns: Columns, first: bool) -> Columns:
    """What was read first stays: the garbage collector need not walk through all of it again and again (a quarter of
    a second each time, in the middle of somebody's page)."""
    if first and len(columns) > MANY:
        gc.collect()
        gc.freeze()
    return columns


def calendars() -> Callable[[str], Calendar]:
    """Roles' calendars, from a policy that is read only if somebody asks."""

    @cache
    def calendar_of(role: str) -> Calendar:
        return policy().calendar_of(role)

    @cache
    def policy() -> Any:
        return tools().policy()

    return calendar_of


def emptied(value: Any, usual: int = 0) -> Any:
    """What a form's number field means when somebody emptied it: the usual."""
    return usual if isinstance(value, str) and not value.strip() else value


def chosen_requests(
    use_case: Annotated[str, Query(max_length=4000)] = "",
    tier: Annotated[str, Query(max_length=100)] = "",
    days: Annotated[int, Query(ge=0, le=36500)] = 90,
    data: Annotated[Literal["", "live", "simulated"], Query()] = "",
) -> Sight:
    """The requests that the filters choose, now. `days` back from now; 0 is all time."""
    now = tools().now()
    columns, behind = all_lines()
    return Sight(choose(columns, Choice(use_case, tier, days, data), now), now, behind)


Chosen_ = Annotated[Sight, Depends(chosen_requests)]


def target_of(now: datetime) -> TargetOf:
    """How soon each role should answer, by the policy."""
    policy = tools().policy()
    return lambda role: policy.answer_target(role, now)


def _stages(chosen: Chosen, now: datetime, rows: int | None = None) -> Chart:
    return stages_chart(stream_summary(chosen.recent, now, calendar_of=calendars()))


def _roles(chosen: Chosen, now: datetime, rows: int | None = None) -> Chart:
    return roles_chart(stream_summary(chosen.recent, now, target_of(now), calendars()))


def _pareto(chosen: Chosen, now: datetime, rows: int | None = None) -> Chart:
    return charts.pareto(chosen, now, rows, calendars())


TABLES: dict[str, Callable[[Chosen, datetime, int | None], Chart]] = {
    "cycle-times": charts.scatter,
    "cumulative-flow": charts.cumulative,
    "throughput": charts.throughput,
    "ageing": charts.ageing,
    "pareto": _pareto,
    "stages": _stages,
    "roles": _roles,
}
"""Every chart by its name, and with None every row of its table."""


@routes.get("/flow")
def show_flow(sight: Chosen_) -> dict[str, Any]:
    """Where the time goes: stages, roles, percentiles, efficiency; durations in seconds."""
    level = score(sight.chosen, None, sight.now).level
    expected = {
        "share": level.share,
        "seconds": level.seconds,
        "n": level.n,
        "attained": level.attained,
        "met": level.met,
    }
    summary = stream_summary(sight.chosen.recent, sight.now, target_of(sight.now), calendars())
    return as_json(summary) | {"service_level": expected} | _about(sight)


@routes.get("/flow/tables/{name}.csv", response_class=Response)
def show_table(name: str, sight: Chosen_) -> Response:
    """A chart's table as CSV: UTC instants in ISO 8601, durations in seconds."""
    if name not in TABLES:
        raise RefusedError(
            "NO_TABLE", f"there is no table {name!r}", status=404, mend=f"There are {', '.join(TABLES)}."
        )
    return csv_answer(TABLES[name](sight.chosen, sight.now, None))


def csv_answer(chart: Chart) -> Response:
    """A chart's table as a file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{chart.name}.csv"'}
    # The byte order mark tells spreadsheets that it is UTF-8.
    return Response("\ufeff" + as_csv(chart.table), media_type="text/csv; charset=utf-8", headers=headers)


@routes.get("/board")
def show_board(sight: Chosen_) -> dict[str, Any]:
    """The board as it is now: a lane per stage, a card per open request, who is waited on."""
    found = board(sight.chosen, sight.now, tools().policy().wip.stages)
    return {
        "lanes": [
            {
                "stage": lane.name, "begun": lane.begun, "ready": lane.waiting, "limit": lane.limit, "oldest_seconds": lane.oldest,
                "cards": [_card(c) for c in lane.cards],
                "ready_queue": [_card(c) | {"place": i} for i, c in enumerate(lane.ready, start=1)],
            }
            for lane in found.lanes
        ],
        "waiting": [
            {
                "role": w.role, "count": w.count, "older_than_85": w.late, "longest": w.longest.id,
                "longest_seconds": w.longest.waited,
            }
            for w in found.waiting
        ],
        "under_way": found.count,
        "sentence": found.sentence,
    } | _about(sight)  # fmt: skip


def _card(c: Card) -> dict[str, Any]:
    return {
        "request": c.id, "source": c.source, "use_case": c.use_case, "tier": c.tier, "priority": c.priority,
        "age_seconds": c.age, "stage_age_seconds": c.stage_age, "band": c.band, "waits_for": list(c.standing.roles),
        "blocked": c.standing.blocked, "waits_since": c.standing.since.isoformat() if c.standing.since else None,
    }  # fmt: skip


def _about(sight: Sight) -> dict[str, Any]:
    choice = sight.chosen.choice
    return {
        "at": sight.now.isoformat(), "simulated": sight.chosen.simulated, "events_behind": sight.behind,
        "choice": {"use_case": choice.use_case, "tier": choice.tier, "days": choice.days, "data": choice.data},
    }  # fmt: skip
