"""Access in Airflow: granted after a publication, kept as declared every hour."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from sluice.errors import SluiceError, TerminalError
from sluice_airflow.retries import RETRIES


@task(task_id="grant", **RETRIES["commit"])
def grant(request_id: str) -> int:
    """Grant the contract's roles what it declares. A failure here does not take the publication back."""
    from sluice.stream.access import grant_access
    from sluice.stream.tools import connect

    try:
        return grant_access(connect(), request_id)
    except TerminalError as error:
        raise AirflowFailException(str(error)) from error


def keep_access_as_declared() -> Any:
    """Every published source's access, one after the other; the task fails when one could not be mended."""

    @task(task_id="every_source", **RETRIES["record"])
    def every_source() -> int:
        from sluice.stream.access import published_sources, repair, review_access
        from sluice.stream.tools import connect

        tools = connect()
        done, failed = 0, []
        for source in published_sources(tools):
            try:
                done += len(repair(tools, source, actor="keep_access", reason="kept as declared"))
                for foreign in review_access(tools, source).differences:
                    print(f"{source}: {foreign.drift}: {foreign.grant}")  # noqa: T201 (the task's log)
            except SluiceError as error:
                failed.append(f"{source}: {error}")
        if failed:
            raise AirflowFailException("\n".join(failed))
        return done

    return every_source()
