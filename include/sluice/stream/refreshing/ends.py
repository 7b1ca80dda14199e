"""How refreshes end: recorded, told, and never leaving half of itself visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sluice.errors import SluiceError, TerminalError
from sluice.onboarding import contract_of
from sluice.running import refreshes
from sluice.running.history import newest_good, versions
from sluice.running.incidents import CHECKS
from sluice.running.refreshes import EMPTY, FAILED, LATE, Refresh
from sluice.stream.costing import charge_refresh
from sluice.stream.restore import restore
from sluice.stream.tools import Tools

T = TypeVar("T")
BAD_DATA = ("QUARANTINE_LIMIT", "BAD_ROWS", "CHECKS_FAILED", "DRIFT", "AMBIGUOUS_CHANGES", "KEY_MISSING")
"""What makes an incident of a delivery; everything else that is wrong with a source is told, and waits for the next."""

ODD = {"EMPTY_TABLE": EMPTY, "EMPTY_FILE": EMPTY, "EMPTY_DELIVERY": EMPTY, "FILE_NOT_FOUND": LATE}
"""What is noticed of a delivery where landing or checking refused it."""


def guarded(tools: Tools, refresh_id: str, step: Callable[[Tools, str], T]) -> T:
    """Run a step. What ends the refresh is recorded; bad data puts the last good snapshots back and opens an incident."""
    try:
        return step(tools, refresh_id)
    except TerminalError as error:
        fail(tools, refresh_id, error)
        raise


def fail(tools: Tools, refresh_id: str, error: SluiceError) -> None:
    """Record how a refresh ended; harmless when it is over already."""
    with tools.ledger.reading() as tx:
        refresh = refreshes.refresh(tx, refresh_id)
    if refresh.state != "open":
        return
    left = undo(tools, refresh.source, refresh_id)
    with tools.ledger.transaction() as tx:
        request = tx.request(refresh.request_id)
        content = {"reason": f"{error}{left}", "code": error.code}
        refreshes.step(tx, refresh, FAILED, tools.now(), content)
        contract = contract_of(request) if request else None
        if contract and error.code in ODD:
            refreshes.notice(tx, refresh, ODD[error.code], f"{refresh.source}: {error.message}", tools.now(), contract)
        elif contract and error.code not in BAD_DATA:
            text = f"The refresh of {refresh.source} did not end well: {error.message}"
            refreshes.tell(
                tx,
                refresh.source,
                "refresh_failed",
                f"{refresh.source}/{error.code}/{tools.now():%Y-%m-%d}",
                text,
                tools.now(),
                contract,
                mend=error.mend,
            )
    if error.code in BAD_DATA:
        restore(
            tools, refresh.source, actor=refresh.by, reason=error.message, why=CHECKS, occurred_at=refresh.opened_at
        )
    tools.sweep(refresh_id)


def conclude(tools: Tools, refresh_id: str) -> Refresh:
    """The refresh as it ended; one that nobody ended was interrupted."""
    with tools.ledger.reading() as tx:
        refresh = refreshes.refresh(tx, refresh_id)
    left = undo(tools, refresh.source, refresh_id) if refresh.state == "open" else ""
    with tools.ledger.transaction() as tx:
        refresh = refreshes.refresh(tx, refresh_id)
        if refresh.state == "open":
            refreshes.step(
                tx,
                refresh,
                FAILED,
                tools.now(),
                {"reason": f"[INTERRUPTED] the run ended before the refresh did{left}"},
            )
            refresh = refreshes.refresh(tx, refresh_id)
    tools.sweep(refresh_id)
    if refresh.state != "unchanged":
        charge_refresh(tools, refresh_id)
    return refresh


def undo(tools: Tools, source: str, run: str) -> str:
    """Tables that show what a refresh or an adoption committed without being published show the last good version again.

    "" or what could not be put back, in words: a table that somebody removed keeps no refresh from ending.
    """
    from sluice.adapters.catalogs import snapshots

    with tools.ledger.reading() as tx:
        version = newest_good(versions(tx, source))
    catalog, left = tools.tables(), ""
    for table in version.tables.values() if version else ():
        try:
            if snapshots.shows(catalog, table["identifier"], run):
                put_back = {"sluice.put-back": run}
                snapshots.put_back(catalog, table["identifier"], int(table["snapshot_id"]), put_back)
        except TerminalError as error:
            left += f"; {error.where} stays as it is: {error.message}"
    return left
