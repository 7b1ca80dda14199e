"""The value stream's building blocks for a DAG file: a task group per stage, a task per table or signature.

XCom carries ids and counts only; everything else lies in the ledger and the lake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import Asset, AssetAlias, TaskGroup, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from sluice.errors import SluiceError, TerminalError
from sluice.ledger import RequestState, Transaction
from sluice.onboarding import Ask, fail, live_request
from sluice.pull.floor import STRETCHES
from sluice.pull.letting import is_in
from sluice.stages import GATES, Clock, Stage
from sluice_airflow.access import grant
from sluice_airflow.approvals import ApprovalSensor, GateSensor
from sluice_airflow.failures import at_stage
from sluice_airflow.pulling import PullSensor
from sluice_airflow.retries import RETRIES

PUBLISHED = "sluice_published"
"""Alias under which every published table's asset is announced."""

EACH_TABLE = {
    Stage.LAND: ("move", "Copied unchanged, then typed; bad rows set aside"),
    Stage.PROFILE: ("compute", "What is really in it"),
    Stage.CHECK: ("compute", "Whether it keeps its promises"),
    Stage.REGISTER: ("commit", "The catalog learns of the table"),
}
"""Kind of work (see retries) and what the stage does, in words for the grid."""


@dataclass(frozen=True)
class OpenedRequest:
    """The request stage: its task group, and the id and table names that the later stages work with."""

    group: TaskGroup
    id: Any
    tables: Any

    def __rshift__(self, following: Any) -> Any:
        return self.group >> following


def open_request() -> OpenedRequest:
    """The request stage."""
    with TaskGroup(
        group_id=Stage.REQUEST, tooltip="The contract is validated, the source probed, the request recorded"
    ) as group:

        @task(task_id="open", **RETRIES["record"])
        def open_() -> str:
            from sluice.stream.request import chosen_contract, open_for_run
            from sluice.stream.tools import connect

            context = get_current_context()
            run, params = context["dag_run"], context["params"]
            tools = connect()
            ask = Ask(
                requester=run.triggering_user_name or "airflow",
                use_case=params["use_case"] or "",
                # A run may still be asked for with a priority, as in earlier versions.
                service_class=params.get("priority") or params["class_of_service"],
                due=date.fromisoformat(params["due_date"]) if params["due_date"] else None,
                accepts_delay=bool(params["accept_delay"]),
                comment=params["comment"] or "",
                base=params["base"] or "",
            )
            try:
                contract = chosen_contract(tools, params["contract"], params["contract_yaml"])
                request = open_for_run(tools, contract, ask, run_id=run.run_id, requested_at=asked_at(run))
            except TerminalError as error:
                raise AirflowFailException(explained(error)) from error
            return str(request.id)

        @task(task_id="tables", **RETRIES["record"])
        def tables(request_id: str) -> list[str]:
            from sluice.stream.tools import connect

            with connect().ledger.reading() as tx:
                return list(live_request(tx, request_id).tables)

        request_id = open_()
        return OpenedRequest(group, request_id, tables(request_id))


def gate(stage: Stage, request: OpenedRequest) -> TaskGroup:
    """A gate: the evidence is put together, then one task per signature waits for its role."""
    with TaskGroup(group_id=stage, tooltip="People decide, in parallel, on the same evidence") as group:

        @task(task_id="ask", **RETRIES["record"])
        def ask(request_id: str) -> list[str]:
            from sluice.stream.gate import ask as ask_people

            return list(at_stage(stage, lambda tools, rid: ask_people(tools, rid, stage), request_id).required)

        asked = ask(request.id)
        turn(stage, request) >> asked
        # The label comes from the task itself, so that the grid names the role while it is waited for.
        signatures = ApprovalSensor.partial(
            task_id="signature",
            request_id=request.id,
            gate=stage,
            map_index_template="{{ task.role }}",
            **RETRIES["wait"],
        ).expand(role=asked)
        signatures >> GateSensor(
            task_id="passed", request_id=request.id, gate=stage, trigger_rule="all_done", **RETRIES["wait"]
        )
    return group


def turn(stage: Stage, request: OpenedRequest) -> PullSensor:
    """One task that waits until the limits on work in progress let the request in, and it is its turn."""
    return PullSensor(task_id="turn", request_id=request.id, stage=stage, **RETRIES["wait"])


def each_table(stage: Stage, request: OpenedRequest) -> TaskGroup:
    """A stage that does the same work for every table of the contract: `sluice.stream.<stage>.<stage>`.

    Each task gives a count: rows staged, columns profiled, rules evaluated, tables registered.
    """
    kind, tooltip = EACH_TABLE[stage]
    with TaskGroup(group_id=stage, tooltip=tooltip) as group:

        @task(task_id="table", map_index_template="{{ table }}", **RETRIES[kind])
        def table_task(request_id: str, table: str) -> int:
            get_current_context()["table"] = table  # type: ignore[typeddict-unknown-key]
            work: Callable[..., int] = getattr(import_module(f"sluice.stream.{stage}"), stage)
            return at_stage(stage, work, request_id, table)

        work_on_each = table_task.partial(request_id=request.id).expand(table=request.tables)
        if stage in STRETCHES:
            turn(stage, request) >> work_on_each
    return group


def publish(request: OpenedRequest) -> TaskGroup:
    """The publish stage: one atomic commit per table and an asset event for each; then the contract's roles get access."""
    with TaskGroup(group_id=Stage.PUBLISH, tooltip="What was approved becomes visible") as group:

        @task(task_id="commit", outlets=[AssetAlias(PUBLISHED)], **RETRIES["commit"])
        def commit(request_id: str) -> int:
            from sluice.stream.publish import publish as commit_all

            snapshots = at_stage(Stage.PUBLISH, commit_all, request_id)
            events = get_current_context()["outlet_events"][AssetAlias(PUBLISHED)]
            for snapshot in snapshots.values():
                events.add(
                    Asset(name=snapshot["identifier"], uri=snapshot["uri"]),
                    extra={"request_id": request_id, "snapshot_id": snapshot["snapshot_id"], "rows": snapshot["rows"]},
                )
            return sum(s["rows"] for s in snapshots.values())

        commit(request.id) >> grant(request.id)
    return group


def conclude() -> Any:
    """The run ends as the request did: published, or failed with the reason in one line."""

    @task(task_id="conclude", trigger_rule="all_done", **RETRIES["none"])
    def conclude_() -> str:
        from sluice.stream.tools import connect

        run_id = get_current_context()["dag_run"].run_id
        tools = connect()
        with tools.ledger.transaction() as tx:
            found = tx.request_of_run(run_id)
            if found is None:
                raise AirflowFailException("No request was opened: the log of request.open says why.")
            if found.state is RequestState.OPEN:
                clock = Clock(tx.events(found.id))
                if waits := waits_for_people(clock) or waits_for_its_turn(tx, found.id, clock):
                    raise AirflowFailException(f"{found.id} is open: {waits}. The run is taken up again from there.")
                stages = clock.current()
                fail(tx, found.id, stages[0] if stages else Stage.REQUEST, tools.now(),
                     "[INTERRUPTED] the run ended before the stage was complete; ask again with `sluice request`")  # fmt: skip
            request = tx.request(found.id)
        tools.sweep(found.id)
        if request is None or request.state is not RequestState.PUBLISHED:
            raise AirflowFailException(
                f"{found.id} is {request.state if request else 'gone'}: {request.state_reason if request else ''}"
            )
        return str(request.id)

    return conclude_()


def waits_for_people(clock: Clock) -> str:
    """Why an open request whose run has ended is no failure: a gate is open, or it was sent back; else empty."""
    back = clock.sent_back()
    if back is not None:
        return str(back.reason)
    gates = [g for g in GATES if clock.is_open(g)]
    return f"people are still asked at {gates[0]}" if gates else ""


def waits_for_its_turn(tx: Transaction, request_id: str, clock: Clock) -> str:
    """Why a request whose run has ended before a stage that it was not let in to is no failure; else empty."""
    held = [s for s in clock.current() if s in STRETCHES and not is_in(tx, request_id, s)]
    return f"it waits for its turn at {held[0]}" if held else ""


def asked_at(run: Any) -> datetime:
    """When the request was made: the trigger's time, unless it is not believable.

    Whoever triggers a run may date it as they like; Airflow itself says when it started.
    """
    waited = run.start_date - run.run_after
    return run.run_after if timedelta(0) <= waited <= timedelta(days=1) else run.start_date


def explained(error: SluiceError) -> str:
    """Every finding of an error, for a task's log."""
    findings = getattr(error, "findings", None)
    return "\n".join(map(str, findings)) if findings else str(error)
