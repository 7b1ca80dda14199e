"""The DAG of a published source: built from its terms in the read model, nothing else."""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sluice.errors import SluiceError
from sluice.settings import load
from sluice.stream.read_model import published
from sluice_airflow.published import final, person
from sluice_airflow.retries import RETRIES

START = datetime(2026, 1, 1, tzinfo=UTC)
log = logging.getLogger(__name__)


def published_sources() -> list[dict[str, Any]]:
    """The read model; none where there is no ledger yet."""
    try:
        return published(load(), time.time())
    except SluiceError as error:
        log.warning("the published sources are not known: %s", error)
        return []


def refresh_dag(terms: dict[str, Any], text: str | None) -> DAG:
    """The DAG of one source. Without a promised frequency it runs only when somebody starts it."""
    source = terms["source"]
    with DAG(
        f"refresh_{source}", doc_md=text, schedule=_schedule(terms["schedule"], terms.get("zone", "UTC")), start_date=START, catchup=False, max_active_runs=1,
        params=_form(), tags=["refresh", source], description=f"{terms['name'] or source}, {terms['version']}",
        dag_display_name=f"refresh {source}",
    ) as made:  # fmt: skip
        _open(source) >> _land() >> _check() >> _publish(terms["tables"]) >> _conclude()  # type: ignore[operator]
    return made


def _schedule(text: str | None, zone: str) -> Any:
    if text and text.startswith("every "):
        return timedelta(seconds=int(text.split()[1]))
    return CronTriggerTimetable(text, timezone=zone) if text else None


def _form() -> dict[str, Param]:
    return {
        "since": Param(None, type=["null", "string"], format="date", title="Backfill from",
                       description="Load files of this day and later again, by the date in their path or when they were written."),
        "until": Param(None, type=["null", "string"], format="date", title="Backfill until", description="The last day, included."),
        "everything": Param(False, type="boolean", title="Everything", description="Load all files again."),
        "again": Param(False, type="boolean", title="Also what an incident took back",
                       description="Load files again that were taken back, because they were right after all."),
    }  # fmt: skip


def _refresh_id() -> str:
    return str(get_current_context()["ti"].xcom_pull(task_ids="open"))


def _open(source: str) -> Any:
    @task(task_id="open", **RETRIES["record"])
    def open_() -> str:
        from sluice.running.holdings import Window
        from sluice.running.refreshes import Asked
        from sluice.stream.refreshing.steps import open_refresh
        from sluice.stream.tools import connect

        context = get_current_context()
        params = context["params"]
        since, until = (date.fromisoformat(d) if (d := params[n]) else None for n in ("since", "until"))
        asked = Asked(context["dag_run"].run_id, person(), Window(since, until), params["everything"], params["again"])
        return final(lambda: open_refresh(connect(), source, asked)).id

    return open_()


def _land() -> Any:
    @task(task_id="land", **RETRIES["move"])
    def land() -> int:
        from sluice.stream.refreshing.ends import guarded
        from sluice.stream.refreshing.run import is_open
        from sluice.stream.refreshing.steps import land as bring_in
        from sluice.stream.tools import connect

        tools, refresh = connect(), _refresh_id()
        rows = final(lambda: guarded(tools, refresh, bring_in))
        if not is_open(tools, refresh):
            raise AirflowSkipException("There is nothing new at the source, or what changed waits for people.")
        return rows

    return land()


def _check() -> Any:
    @task(task_id="check", **RETRIES["compute"])
    def check() -> int:
        from sluice.stream.refreshing.ends import guarded
        from sluice.stream.refreshing.steps import check as evaluate
        from sluice.stream.tools import connect

        refresh = _refresh_id()
        return final(lambda: guarded(connect(), refresh, evaluate))

    return check()


def _publish(tables: dict[str, Any]) -> Any:
    assets = {n: Asset(name=t["identifier"], uri=t["uri"]) for n, t in tables.items()}

    @task(task_id="publish", outlets=list(assets.values()), **RETRIES["commit"])
    def publish() -> int:
        from sluice.stream.refreshing.ends import guarded
        from sluice.stream.refreshing.steps import publish as commit
        from sluice.stream.tools import connect

        refresh = _refresh_id()
        done = final(lambda: guarded(connect(), refresh, commit))
        events = get_current_context()["outlet_events"]
        for name, table in done.items():
            events[assets[name]].extra = {
                "refresh_id": refresh,
                "snapshot_id": str(table["snapshot_id"]),
                "rows": table["rows"],
            }
        return sum(t["rows"] for t in done.values())

    return publish()


def _conclude() -> Any:
    @task(task_id="conclude", trigger_rule="all_done", **RETRIES["none"])
    def conclude() -> str:
        from sluice.stream.refreshing.ends import conclude as end
        from sluice.stream.tools import connect

        refresh = _refresh_id()
        if refresh == "None":
            raise AirflowFailException("No refresh was opened: the log of `open` says why.")
        done = end(connect(), refresh)
        if done.state == "failed":
            raise AirflowFailException(f"{done.id} failed: {done.reason}")
        return done.state

    return conclude()
