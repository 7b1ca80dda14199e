"""Writing the morning digest and the weekly report when their hour has come, once each."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sluice.calendars import CONTINUOUS, Calendar
from sluice.digests import Digest, morning_digest, morning_of, weekly_report
from sluice.insight.columns import Columns, Lines
from sluice.insight.reading import catch_up
from sluice.notifications.facts import PLANNING
from sluice.policy import Policy
from sluice.policy.notifications import LetterTerms
from sluice.stream.tools import Tools

READING_SECONDS = 60.0


def digest_now(tools: Tools, *, weekly: bool = False) -> Digest:
    """The digest, or the report, as of now."""
    policy, now = tools.policy(), tools.now()
    lines = _lines(tools, policy)
    with tools.ledger.reading() as tx:
        if weekly:
            frozen = [b for one in tx.baselines()[:1] if (b := tx.baseline(one.name))]
            return weekly_report(lines, frozen, now, policy.calendar_of)
        return morning_digest(tx, policy, lines, _since(_calendar(policy), now), now)


def write_due_letters(tools: Tools) -> list[str]:
    """Write what is due and was not written yet; their keys. Late is better than never, on the same day."""
    policy, now = tools.policy(), tools.now()
    calendar, told = _calendar(policy), policy.notifications
    local = now.astimezone(ZoneInfo(calendar.zone))
    week = local.isocalendar()
    due: list[tuple[str, str, LetterTerms, Callable[[], Digest]]] = []
    if told.digest and _hour_has_come(calendar, told.digest, local):
        due.append((morning_of(local.date()), "digest", told.digest, lambda: digest_now(tools)))
    if told.report and local.weekday() == told.report.weekday and local.time() >= told.report.at:
        due.append(
            (f"report/{week.year}-{week.week:02d}", "report", told.report, lambda: digest_now(tools, weekly=True))
        )
    written = []
    for key, kind, terms, make in due:
        with tools.ledger.reading() as tx:
            if tx.is_enqueued(key):
                continue
        payload = make().as_dict() | {
            "roles": [t for t in terms.tell if t != "owners"], "urgent": True,
            "people": list(policy.owners.members) if "owners" in terms.tell else [],
            "link": "/sluice/pages/board" if kind == "digest" else "/sluice/pages/scoreboard",
        }  # fmt: skip
        with tools.ledger.transaction() as tx:
            if tx.enqueue(f"{PLANNING}.{kind}", key, payload, now):
                written.append(key)
    return written


def _hour_has_come(calendar: Calendar, terms: LetterTerms, local: datetime) -> bool:
    """On a day on which the calendar opens, from the agreed time on."""
    begin = datetime.combine(local.date(), time(), local.tzinfo)
    works = calendar.seconds_between(begin, begin + timedelta(days=1)) > 0
    return works and local.time() >= terms.at


def _since(calendar: Calendar, now: datetime) -> datetime:
    """A day back; after a weekend or a holiday, to the beginning of the working day before it."""
    here = now - timedelta(days=1)
    for _ in range(14):
        if calendar.seconds_between(here, now) > 0:
            return here
        here -= timedelta(days=1)
    return now - timedelta(days=1)


def _calendar(policy: Policy) -> Calendar:
    return policy.calendars.get(policy.notifications.calendar, CONTINUOUS)


def _lines(tools: Tools, policy: Policy) -> Columns:
    until = clock.monotonic() + READING_SECONDS
    catch_up(tools.ledger, lambda: clock.monotonic() < until, policy.calendar_of)
    return Lines(tools.ledger).read()
