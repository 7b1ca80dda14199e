"""The task of the DAG keep_flowing: one round of every step, with Airflow's connections as a place for secrets."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Connection, task
from airflow.sdk.exceptions import AirflowNotFoundException

from sluice_airflow.retries import RETRIES


def keep_everything_moving() -> Any:
    """One task: a round costs less than starting a task for each step would."""

    @task(task_id="one_round", **RETRIES["none"])
    def one_round() -> dict[str, str]:
        from sluice.cli.identity import ADMIN, session
        from sluice.settings import load
        from sluice.stream.keeping import Keeper, failures, keep
        from sluice.stream.rounds import STEPS
        from sluice.stream.tools import connect

        settings = load()
        outcomes = keep(Keeper(connect(settings), channel_url, lambda: session(settings, default=ADMIN)), STEPS)
        if failed := failures(outcomes):
            raise failed
        return {o.step: o.did for o in outcomes if o.did}

    return one_round()


def channel_url(source: str) -> str | None:
    """The Apprise URL that a policy's `env:NAME` or `connection:ID` stands for; None when it is not set."""
    from sluice.settings import secret

    kind, _, name = source.partition(":")
    if (found := secret(source)) or kind == "env":
        return found
    try:
        connection = Connection.get(name)
    except AirflowNotFoundException:  # there is none of that name
        return None
    return str(connection.extra_dejson.get("url") or connection.password or "") or None
