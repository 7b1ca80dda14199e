"""Building blocks for the DAG files of published sources: their forms and their tasks.

XCom carries ids and counts only; everything else lies in the ledger and the lake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from airflow.sdk import Asset, AssetAlias, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from sluice.errors import TerminalError
from sluice_airflow.retries import RETRIES
from sluice_airflow.stream import PUBLISHED

T = TypeVar("T")
_ID = "^[a-z][a-z0-9_]{0,62}$"


def final(work: Callable[[], T]) -> T:
    """Run it; what Sluice calls terminal fails the task for good, with what, where and mend in its log."""
    try:
        return work()
    except TerminalError as error:
        raise AirflowFailException(str(error)) from error


def person() -> str:
    """Who started this run."""
    return str(get_current_context()["dag_run"].triggering_user_name or "airflow")


def restore_form() -> dict[str, Param]:
    """What the UI asks before a restore."""
    return {
        "source": Param("", type="string", pattern=_ID, title="Source", description="The source's id, as in its contract."),
        "reason": Param(
            "the published data is wrong", type="string", minLength=1, maxLength=2000, format="multiline",
            title="What is wrong", description="People who use the data read this.",
        ),
        "severity": Param(
            "high", type="string", enum=["low", "medium", "high", "critical"], title="Severity",
            description="How much it hurts; it decides how often people hear of it and when it should be over.",
        ),
        "snapshot": Param(
            None, type=["null", "integer"], title="Snapshot",
            description="The snapshot to show; empty means the last good one. `sluice restore SOURCE --list` shows them.",
        ),
    }  # fmt: skip


def restored() -> Any:
    """The restore as a task."""

    @task(task_id="put_back", outlets=[AssetAlias(PUBLISHED)], **RETRIES["commit"])
    def put_back() -> str:
        from sluice.stream.restore import restore
        from sluice.stream.tools import connect

        asked, tools = get_current_context()["params"], connect()
        done = final(
            lambda: restore(
                tools,
                asked["source"],
                actor=person(),
                reason=asked["reason"],
                severity=asked["severity"],
                to=asked["snapshot"],
            )
        )
        events = get_current_context()["outlet_events"][AssetAlias(PUBLISHED)]
        for moved in done.moved.values():
            events.add(
                Asset(name=moved["identifier"], uri=tools.catalog.uri(moved["identifier"])),
                extra={"incident_id": done.incident.id, "snapshot_id": moved["to"]},
            )
        return done.incident.id

    return put_back()


def watched() -> Any:
    """A round of watching as a task."""

    @task(task_id="round", **RETRIES["record"])
    def round_() -> dict[str, list[str]]:
        from sluice.stream.tools import connect
        from sluice.stream.watch import watch

        return watch(connect())

    return round_()


def maintained() -> Any:
    """A task per published source, and what was saved."""

    @task(task_id="sources", **RETRIES["record"])
    def sources() -> list[str]:
        from sluice.stream.read_model import list_published
        from sluice.stream.tools import connect

        return [s["source"] for s in list_published(connect().ledger)]

    @task(task_id="upkeep", map_index_template="{{ source }}", max_active_tis_per_dag=2, **RETRIES["commit"])
    def upkeep(source: str) -> float:
        from sluice.stream.tools import connect
        from sluice.stream.upkeep import maintain

        get_current_context()["source"] = source  # type: ignore[typeddict-unknown-key]
        return final(lambda: maintain(connect(), source)).saved_monthly_usd

    return upkeep.expand(source=sources())


def offboard_form() -> dict[str, Param]:
    """What the UI asks before a source ends."""
    return {
        "source": Param("", type="string", pattern=_ID, title="Source", description="The source's id, as in its contract."),
        "what": Param(
            "ask", type="string", enum=["ask", "agree", "refuse", "go on"], title="What you do",
            description="Ask for the end; agree to it or refuse it as another person; or go on where it stopped.",
        ),
        "reason": Param(
            None, type=["null", "string"], maxLength=2000, format="multiline", title="Reason",
            description="Why it ends, or why you refuse. Consumers read it.",
        ),
        "destroy": Param(
            False, type="boolean", title="Destroy the data",
            description="Unless retention or a legal hold keeps it. Otherwise it stays where it is, unpublished.",
        ),
    }  # fmt: skip


def offboarded() -> Any:
    """The decision and what follows from it, as two tasks."""

    @task(task_id="decide", **RETRIES["record"])
    def decide() -> str:
        from sluice.running import offboarding
        from sluice.stream.offboard import ask
        from sluice.stream.tools import connect

        asked, tools, who = get_current_context()["params"], connect(), person()
        source, reason = asked["source"], asked["reason"] or ""
        if asked["what"] == "ask":
            return final(lambda: ask(tools, source, who, reason, destroy=asked["destroy"])).state
        with tools.ledger.transaction() as tx:
            going = offboarding.current(tx, source)
            if asked["what"] == "go on" or (going and going.state == "agreed"):
                return going.state if going else "over"
            return final(
                lambda: offboarding.decide(
                    tx, tools.policy(), source, who, asked["what"] == "agree", reason, tools.now()
                )
            ).state

    @task(task_id="end", **RETRIES["commit"])
    def end(state: str) -> str:
        from airflow.sdk.exceptions import AirflowSkipException

        from sluice.stream.offboard import offboard
        from sluice.stream.tools import connect

        if state != "agreed":
            raise AirflowSkipException(f"It is {state}: nothing is done until somebody else agrees.")
        source = get_current_context()["params"]["source"]
        return final(lambda: offboard(connect(), source)).id

    return end(decide())
