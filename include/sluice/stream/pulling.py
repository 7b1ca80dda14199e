"""Letting requests in at the entries of the stream; called by whoever waits, and by every round of keep_flowing."""

from __future__ import annotations

from sluice.errors import NotApprovedError
from sluice.pull.floor import STRETCHES
from sluice.pull.letting import anything_to_do, is_in, let_in, position
from sluice.stages import Stage
from sluice.stream.tools import Tools


def let_in_whose_turn_it_is(tools: Tools) -> list[tuple[str, Stage]]:
    """Let in everybody whose turn it is; (request, entry) of those who were. Writes only if there is something to."""
    limits = tools.policy().wip
    with tools.ledger.reading() as tx:
        if not anything_to_do(tx, limits):
            return []
    with tools.ledger.transaction() as tx:
        return let_in(tx, limits, tools.now())


def come_in(tools: Tools, request_id: str, entry: Stage) -> str | None:
    """None when the request is let in at this entry; otherwise why it is held back.

    Raises TerminalError when the request has ended, NotApprovedError (STAGE_NOT_READY) when it is not its stage's time.
    """
    with tools.ledger.reading() as tx:
        if is_in(tx, request_id, entry):
            return None
    limits = tools.policy().wip
    with tools.ledger.transaction() as tx:
        let_in(tx, limits, tools.now())
        if is_in(tx, request_id, entry):
            return None
        held = position(tx, limits, request_id)
    return held.reason if held else "it is not its turn"


def require_turn(tools: Tools, request_id: str, stage: Stage) -> None:
    """Before a stage is begun: the request is in, or comes in now. Raises NotApprovedError (NOT_ITS_TURN) when it must
    wait, whatever Airflow was told of the task that waits for it; and what `come_in` raises.
    """
    if stage in STRETCHES and (held := come_in(tools, request_id, stage)):
        raise NotApprovedError(
            "NOT_ITS_TURN", f"{stage} must wait: {held}", where=request_id,
            mend="Nothing to do: it goes on by itself when its turn comes. Marking a task in Airflow changes nothing here.",
        )  # fmt: skip
