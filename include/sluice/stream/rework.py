"""Work that must be taken up again: what people sent back, and runs that ended while their request is open.

Level-triggered: the ledger says where a request stands, Airflow whether anything moves it. Where nothing does, the
run's tasks are cleared from that stage on; a run that somebody deleted is started again. Repeating it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.adapters.airflow_api import DAG, AirflowApi
from sluice.ledger import Request, RequestState, Transaction
from sluice.stages import GATES, Clock, Event, Stage
from sluice.stream.tools import Tools

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
    return [r for request in tx.requests(state=RequestState.OPEN) for r in _of_request(tx, request)]


def _of_request(tx: Transaction, request: Request) -> list[Restart]:
    clock = Clock(tx.events(request.id))
    conf = {"contract_yaml": request.contract_text, "base": request.base or None, "use_case": request.use_case or None,
            "class_of_service": request.priority, "due_date": request.due.isoformat() if request.due else None,
            "accept_delay": True, "comment": request.comment or None}  # fmt: skip
    found = []
    for stage in clock.current():
        first = "ask" if stage in GATES else "commit" if stage is Stage.PUBLISH else "table"
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
    alive = api.living_runs()
    done = []
    for restart in wanted:
        if restart.run_id in alive and restart.attempt == 1:
            continue  # on its first way, and a run moves it: nothing to ask Airflow about
        run = api.run(restart.run_id)
        if run is None:
            if restart.run_id.startswith("onb-") and api.trigger(restart.run_id, dict(restart.conf)):
                done.append(f"started {restart.run_id} again: its run was gone")
        elif _stands_still(api, restart, str(run["state"])):
            api.clear(restart.run_id, list(restart.task_ids))
            done.append(f"cleared {restart.stage} of {restart.run_id}{f': {restart.why}' if restart.why else ''}")
    return done


def _stands_still(api: AirflowApi, restart: Restart, run_state: str) -> bool:
    if run_state in ("success", "failed"):
        return True
    if restart.started:
        return False  # Airflow retries it, or ends it
    path = f"/api/v2/dags/{DAG}/dagRuns/{restart.run_id}/taskInstances"
    listed = api.get(path, limit="1000")["task_instances"]
    own = [t for t in listed if str(t["task_id"]).startswith(f"{restart.stage}.")]
    return bool(own) and all(t["state"] in FINISHED for t in own)
