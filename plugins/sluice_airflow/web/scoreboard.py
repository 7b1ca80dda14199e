"""The scoreboard: three weeks to one, and who waits on whom now."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from sluice.histories import Baseline
from sluice.insight.board import board
from sluice.insight.scoreboard import Score, score, scores_table, trend
from sluice.policy import TIERS
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_, Sight, csv_answer
from sluice_airflow.web.forecast import outlooks_if_any
from sluice_airflow.web.pages import pages, show

routes = APIRouter()
BaselineName = Annotated[str, Query(max_length=100)]


def _tiers(sight: Sight) -> list[str]:
    return [] if sight.chosen.choice.tier else [t for t in TIERS if t in sight.chosen.tiers]


@pages.get("/scoreboard")
def scoreboard_page(request: Request, sight: Chosen_, baseline: BaselineName = "") -> HTMLResponse:
    """Lead time against a frozen baseline, and what is stuck, on whom, since when."""
    against, known = _baseline(baseline)
    whole = _score(sight, against, "")
    by_tier = scores_table(whole, [_score(sight, against, t) for t in _tiers(sight)])
    return show(
        request, "scoreboard.html.jinja",
        **sight.content(
            trend(sight.chosen, against, sight.now), by_tier, score=whole, baseline=against, baselines=known,
            board=board(sight.chosen, sight.now, tools().policy().wip.stages), found=outlooks_if_any(sight),
        ),
    )  # fmt: skip


@routes.get("/scoreboard/{name}.csv", response_class=Response)
def scoreboard_csv(name: Literal["trend", "scores"], sight: Chosen_, baseline: BaselineName = "") -> Response:
    """Lead time week by week (`trend`) or by risk tier (`scores`) as CSV."""
    against, _ = _baseline(baseline)
    if name == "trend":
        return csv_answer(trend(sight.chosen, against, sight.now))
    return csv_answer(scores_table(_score(sight, against, ""), [_score(sight, against, t) for t in _tiers(sight)]))


def _baseline(name: str) -> tuple[Baseline | None, list[Baseline]]:
    """The baseline of this name, else the newest; and all of them, without their cases."""
    with tools().ledger.reading() as tx:
        known = tx.baselines()
        chosen = name if name in {b.name for b in known} else known[0].name if known else ""
        if not chosen:
            return None, known
        key = (tools().settings.ledger, chosen)
        if key not in _FROZEN:  # it never changes, so its cases are read once
            _FROZEN[key] = tx.baseline(chosen)
        return _FROZEN[key], known


_FROZEN: dict[tuple[str, str], Baseline | None] = {}
_SCORES: dict[tuple[object, ...], Score] = {}
_KEPT = 64


def _score(sight: Sight, against: Baseline | None, tier: str) -> Score:
    """The score; its interval is drawn again only when something was published or another choice is made."""
    published = sight.chosen.published
    newest = (len(published), float(published.ended.max(initial=0.0)))
    key = (
        tools().settings.ledger,
        sight.chosen.choice,
        sight.chosen.simulated,
        against.name if against else "",
        tier,
        newest,
    )
    found = _SCORES.get(key)
    if found is None:
        if len(_SCORES) >= _KEPT:
            _SCORES.clear()
        found = _SCORES[key] = score(sight.chosen, against, sight.now, tier)
    return found
