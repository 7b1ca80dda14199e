"""Asking for a source: the run that carries the request, and following it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluice.adapters.airflow_api import AirflowApi
from sluice.contract.model import Contract
from sluice.errors import TerminalError
from sluice.onboarding import request_id
from sluice.settings import Settings
from sluice.words import duration

POLL_SECONDS = 2.0


def request_conf(settings: Settings, contract: Contract, file: Path) -> dict[str, Any]:
    """The DAG parameters that name this contract; on a development machine the source is looked at first."""
    if file.resolve().parent == settings.contracts:
        conf: dict[str, Any] = {"contract": file.name}
    else:
        conf = {"contract_yaml": contract.text, "base": str(file.resolve().parent)}
    if settings.profile == "development" and contract.server.type == "local":
        from sluice.adapters.stores.local import FileStore
        from sluice.stream.source import probe

        probe(contract, conf.get("base", ""), settings, FileStore())
    return conf


def ask(api: AirflowApi, contract: Contract, conf: dict[str, Any]) -> tuple[str, bool]:
    """Start the run for this contract, or find the live one: (request id, whether it is new)."""
    earlier = api.requests(source=contract.id, digest=contract.digest)
    live = [r for r in earlier if r["state"] in ("open", "published")]
    if live:
        found = live[-1]
        if found["state"] == "open":
            revive(api, found["run_id"], conf)
        return str(found["id"]), False
    attempt = max((r["attempt"] for r in earlier), default=0)
    while True:
        attempt += 1
        identity = request_id(contract, attempt)
        if api.trigger(identity, conf):
            return identity, True
        run = api.run(identity)
        if run is None or run["state"] != "failed":
            return identity, False
        # A run of this id ended before there was a request, or belongs to an ended one: take the next id.


def revive(api: AirflowApi, run_id: str, conf: dict[str, Any]) -> None:
    """Give an open request its run back when somebody deleted it or marked it failed in Airflow."""
    run = api.run(run_id)
    if run is None:
        api.trigger(run_id, conf)
    elif run["state"] == "failed":
        api.clear(run_id)


def wait_for_record(api: AirflowApi, identity: str, patience: float = 120.0) -> dict[str, Any]:
    """The request's overview, once its run has recorded it. Raises TerminalError with the run's own reason."""
    from sluice.errors import RefusedError

    until = time.monotonic() + patience
    while True:
        try:
            return dict(api.get(f"/sluice/requests/{identity}"))
        except RefusedError as error:
            if error.status != 404:
                raise
        run = api.run(identity)
        if run is not None and run["state"] == "failed":
            said = api.task_error(identity, "request.open")
            raise TerminalError("NOT_OPENED", said or "the run failed before the request was opened",
                                where=identity, mend="See the log of request.open in Airflow.")  # fmt: skip
        if time.monotonic() > until:
            raise TerminalError(
                "NOT_OPENED", f"the run {identity} has not started after {patience:.0f} s", mend="`sluice doctor`"
            )
        time.sleep(POLL_SECONDS / 2)


def follow(
    api: AirflowApi, identity: str, say: Callable[[str], None], on_look: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Tell each stage's progress until the request has ended, and give its last overview."""
    told: dict[str, tuple[Any, ...]] = {}
    while True:
        overview = dict(api.get(f"/sluice/requests/{identity}"))
        for stage in overview["flow"]["stages"]:
            mark = (stage["done"], stage["attempts"])
            if told.get(stage["stage"]) != mark:
                told[stage["stage"]] = mark
                lasted = f"done in {duration(stage['elapsed'])}" if stage["done"] else "…"
                say(f"  {stage['stage']:<12} {lasted}")
        if overview["state"] != "open":
            return overview
        if on_look is not None:
            on_look(overview)
        time.sleep(POLL_SECONDS)
