"""The scoreboard: three weeks to one, and who waits on whom now."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.histories import Baseline
from sluice.insight.board import board
from sluice.insight.scoreboard import Score, score, scores_table, trend
from sluice.policy import TIERS
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_, Sight
from sluice_airflow.web.forecast import outlooks
from sluice_airflow.web.pages import NAVIGATION, pages, show

NAVIGATION.insert(0, ("scoreboard", "Scoreboard"))


@pages.get("/scoreboard")
def scoreboard_page(
    request: Request, sight: Chosen_, baseline: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """Lead time against a frozen baseline, and what is stuck, on whom, since when."""
    with tools().ledger.reading() as tx:
        known = tx.baselines()
        name = baseline if baseline in {b.name for b in known} else known[0].name if known else ""
        against = tx.baseline(name) if name else None
    whole = _score(sight, against, "")
    tiers = [_score(sight, against, t) for t in TIERS if t in sight.chosen.tiers and not sight.chosen.choice.tier]
    now_board = board(sight.chosen, sight.now, tools().policy().wip.stages)
    return show(
        request, "scoreboard.html.jinja",
        **sight.content(
            trend(sight.chosen, against, sight.now), scores_table(whole, tiers), score=whole, baseline=against,
            baselines=known, board=now_board, found=outlooks(sight),
        ),
    )  # fmt: skip


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
    if key not in _SCORES:
        if len(_SCORES) >= _KEPT:
            _SCORES.clear()
        _SCORES[key] = score(sight.chosen, against, sight.now, tier)
    return _SCORES[key]
