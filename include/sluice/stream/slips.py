"""Telling early that a promise will slip: the promise is the first forecast that could be made, the cause is named."""

from __future__ import annotations

from sluice.forecast.reading import PROMISE, Forecaster, promise_key
from sluice.notifications.facts import PLANNING
from sluice.stream.tools import Tools


def warn_of_slips(tools: Tools) -> list[str]:
    """Keep each request's promise (its first P85), and tell when it will probably slip; whom it was told of.

    Told once for each whole day that it slips further, so that a date that wavers does not fill anybody's mailbox.
    """
    policy, now = tools.policy(), tools.now()
    with tools.ledger.reading() as tx:
        newest = tx.newest_event()
        if newest <= tx.cursor(PROMISE) and now.minute % 10:
            return []  # nothing has moved; age alone changes a forecast slowly
        forecaster = Forecaster(tools.ledger)
        outlooks = forecaster.outlooks(tx, policy.calendar_of, now)
    told = []
    with tools.ledger.transaction() as tx:
        for outlook in outlooks:
            request, kept, found = outlook.request, outlook.promised, outlook.slip
            if kept is None and outlook.forecast.p85 is not None:
                tx.enqueue(PROMISE, promise_key(request.id), {"p85": outlook.forecast.p85.isoformat()}, now)
            if found is None or kept is None:
                continue
            payload = {
                "request_id": request.id, "gate": "", "promised": kept.isoformat(), "cause": found.cause,
                "expected": (outlook.forecast.p85 or now).isoformat(), "waiting": list(found.roles), "at": now.isoformat(),
                "people": list(policy.owners.members) if found.likely else [],
            }  # fmt: skip
            key = f"slipped/{request.id}/{kept.isoformat()}/{int(found.late // 86_400)}"
            if tx.enqueue(f"{PLANNING}.slipped", key, payload, now):
                told.append(request.id)
        if tx.cursor(PROMISE) < newest:
            tx.move_cursor(PROMISE, newest)
    return told
