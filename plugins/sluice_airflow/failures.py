"""How Sluice's errors become Airflow's, and how every failure reaches the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from sluice.errors import LedgerUnavailableError, SentBackError, SluiceError, TerminalError
from sluice.onboarding import fail
from sluice.stages import Stage
from sluice.stream.pulling import require_turn
from sluice.stream.tools import Tools, connect

T = TypeVar("T")


@contextmanager
def recorded(tools: Tools, request_id: str, stage: Stage, table: str | None = None) -> Iterator[None]:
    """Run a stage's work. A terminal error ends the request and fails the task for good; anything else is
    retried by Airflow and ends the request when the last try is used up.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SentBackError) or getattr(error, "code", "") in ("STAGE_NOT_READY", "NOT_ITS_TURN"):
            # The request is where the ledger says, and waits there: the task fails, the request does not.
            raise AirflowFailException(str(error)) from error
        # Also for mistakes of ours: the people who wait must be told, whatever broke.
        final = isinstance(error, TerminalError) or _last_try()
        said = str(error) if isinstance(error, SluiceError) else f"[INTERNAL] {type(error).__name__}: {error}"
        _record(tools, request_id, stage, table, said, final=final)
        if isinstance(error, TerminalError):
            raise AirflowFailException(said) from error
        raise


def at_stage(stage: Stage, work: Callable[..., T], request_id: str, *table: str) -> T:
    """Run one stage function on the configured tools, its failures recorded."""
    tools = connect()
    with recorded(tools, request_id, stage, table[0] if table else None):
        require_turn(tools, request_id, stage)
        return work(tools, request_id, *table)


def _last_try() -> bool:
    instance: Any = get_current_context()["ti"]
    return bool(instance.try_number > instance.max_tries)


def _record(tools: Tools, request_id: str, stage: Stage, table: str | None, reason: str, *, final: bool) -> None:
    try:
        with tools.ledger.transaction() as tx:
            fail(tx, request_id, stage, tools.now(), reason, table=table, final=final)
    except LedgerUnavailableError as error:
        # The run still fails for the first reason; `conclude` closes the request when the ledger is back.
        error.add_note(f"while recording: {reason}")
        if final:
            raise
