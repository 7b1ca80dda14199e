"""The pages of the flow: scoreboard, board, value stream, flow."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.insight import charts
from sluice.insight.board import board
from sluice.insight.stream import roles_chart, stages_chart, stream_summary
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import TABLES, Chosen_, calendars, target_of
from sluice_airflow.web.forecast import outlooks_if_any
from sluice_airflow.web.pages import pages, show


@pages.get("/board")
def board_page(request: Request, sight: Chosen_, lanes: Annotated[str, Query(max_length=20)] = "") -> HTMLResponse:
    """A column per stage from live state; with `lanes`, a row per use case."""
    found = board(sight.chosen, sight.now, tools().policy().wip.stages)
    return show(
        request,
        "board.html.jinja",
        **sight.content(board=found, by_use_case=lanes == "use_case", found=outlooks_if_any(sight)),
    )


@pages.get("/stream")
def stream_page(request: Request, sight: Chosen_) -> HTMLResponse:
    """Queue, work and wait per stage and per role; the bottleneck in a sentence."""
    summary = stream_summary(sight.chosen.recent, sight.now, target_of(sight.now), calendars())
    return show(
        request, "stream.html.jinja", **sight.content(stages_chart(summary), roles_chart(summary), summary=summary)
    )


@pages.get("/flow")
def flow_page(request: Request, sight: Chosen_) -> HTMLResponse:
    """Cycle times, cumulative flow, throughput, ageing, and what was waited for."""
    drawn = [
        chart(sight.chosen, sight.now)
        for chart in (charts.scatter, charts.ageing, TABLES["pareto"], charts.cumulative, charts.throughput)
    ]
    return show(request, "flow.html.jinja", **sight.content(*drawn))
