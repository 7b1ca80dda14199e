"""Work that must be taken up again: what people sent back, and runs that ended while their request is open.

Level-triggered: the ledger says where a request stands, Airflow whether anything moves it. Where nothing does, the
run's tasks are cleared from that stage on; a run that somebody deleted is started again. Repeating it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.adapters.airflow_api import DAG, AirflowApi
from sluice.ledger import Request, RequestState, Transaction
from sluice.pull.floor import STRETCHES
from sluice.stages import GATES, Clock, Event, Stage
from sluice.stream.tools import Tools

PAGE = 100
"""Airflow's own limit for a page of its lists."""
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True)
class Restart:
    """A stage that is to be done in this run. `started`: the ledger says that it is under way.

    `task_ids` are the tasks to clear, with everything after them; `conf` starts the run anew if it is gone.
    """

    request_id: str
    run_id: str
    stage: Stage
    attempt: int
    started: bool
    why: str
    task_ids: tuple[str, ...]
    conf: Mapping[str, Any]


def wanting_restart(tx: Transaction) -> list[Restart]:
    """The stages at which open requests stand, from the ledger alone; whether something moves them Airflow knows."""
    requests = tx.requests(state=RequestState.OPEN)
    events = tx.events_of([r.id for r in requests])
    return [r for request in requests for r in _of_request(request, Clock(events[request.id]))]


def _of_request(request: Request, clock: Clock) -> list[Restart]:
    conf = {"contract_yaml": request.contract_text, "base": request.base or None, "use_case": request.use_case or None,
            "class_of_service": request.priority, "due_date": request.due.isoformat() if request.due else None,
            "accept_delay": True, "comment": request.comment or None}  # fmt: skip
    found = []
    for stage in clock.current():
        # What is done again waits for its turn like everything else; who is in passes at once.
        first = "turn" if stage in STRETCHES else "commit" if stage is Stage.PUBLISH else "table"
        ready = clock.last(stage, Event.READY)
        started = clock.started(stage) and stage not in GATES
        found.append(
            Restart(
                request.id,
                request.run_id,
                stage,
                clock.attempt(stage),
                started,
                (ready and ready.reason) or "",
                (f"{stage}.{first}",),
                conf,
            )
        )
    return found


def restart_what_stands_still(tools: Tools, api: AirflowApi) -> list[str]:
    """Clear, or start again, what nothing moves any more; what was done, in words."""
    with tools.ledger.reading() as tx:
        wanted = wanting_restart(tx)
    live = api.living_runs() if wanted else set()
    done = []
    for restart in wanted:
        if restart.run_id in live:
            if _stands_still(api, restart):
                done.append(_cleared(api, restart))
        elif (run := api.run(restart.run_id)) is None:
            if restart.run_id.startswith("onb-") and api.trigger(restart.run_id, dict(restart.conf)):
                done.append(f"started {restart.run_id} again: its run was gone")
        elif run["state"] in ("success", "failed"):
            done.append(_cleared(api, restart))
    return done


def _cleared(api: AirflowApi, restart: Restart) -> str:
    api.clear(restart.run_id, list(restart.task_ids))
    return f"cleared {restart.stage} of {restart.run_id}{f': {restart.why}' if restart.why else ''}"


def _stands_still(api: AirflowApi, restart: Restart) -> bool:
    """Whether a stage that was sent back has nothing but finished tasks. What is done for the first time, or is under
    way, Airflow moves or ends by itself.
    """
    if restart.attempt == 1 or restart.started:
        return False
    path = f"/api/v2/dags/{DAG}/dagRuns/{restart.run_id}/taskInstances"
    listed = _pages(api, path, "task_instances", task_display_name_pattern=f"{restart.stage}.%")
    own = [t for t in listed if str(t["task_id"]).startswith(f"{restart.stage}.")]
    return bool(own) and all(t["state"] in FINISHED for t in own)


def _pages(api: AirflowApi, path: str, key: str, **query: str) -> Iterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        page = api.get(path, limit=str(PAGE), offset=str(offset), **query)
        yield from page[key]
        offset, total = offset + PAGE, int(page["total_entries"])
