"""The steps of a round, in the order in which they are done: deliveries last, so that what the others said goes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sluice.ledger import Transaction
from sluice.notifications.watching import Candidate
from sluice.outbox import KEPT, Draft
from sluice.policy import Policy
from sluice.stream.keeping import Keeper, Step

MOST = 1000
"""Letters let go in one round."""
PIECE = 50
"""Messages written in one transaction."""


def update_incidents(keeper: Keeper) -> str:
    """Open incidents of which people have not heard for too long."""
    from sluice.running.incidents import tell_what_is_due

    tools = keeper.tools
    with tools.ledger.transaction() as tx:
        told = tell_what_is_due(tx, tools.policy().running.incidents, tools.now())
    return f"told of {', '.join(told)}" if told else ""


def remind(keeper: Keeper) -> str:
    """Who was asked and has not answered is reminded; others hear of it when that does not help."""
    from sluice.notifications.watching import due_reminders

    return _told(keeper, due_reminders)


def watch_deadlines(keeper: Keeper) -> str:
    """What comes near its deadline or has missed it, while it is under way."""
    from sluice.notifications.watching import due_warnings

    return _told(keeper, due_warnings)


def _told(keeper: Keeper, look: Callable[[Transaction, Policy, datetime], list[Candidate]]) -> str:
    """Record what a look finds and nobody was told yet. Looking takes no lock, and most rounds find nothing new."""
    tools = keeper.tools
    with tools.ledger.reading() as tx:
        found = look(tx, tools.policy(), tools.now())
        known = tx.enqueued([c.key for c in found])
    new: list[Draft] = []
    fresh = [c for c in found if c.key not in known]
    for begin in range(0, len(fresh), PIECE):  # so that nobody who decides waits long for the writers' lock
        with tools.ledger.transaction() as tx:
            drafts = [d for c in fresh[begin : begin + PIECE] if (d := c.draft(tx))]
            new += [d for d in drafts if tx.enqueue(d.kind, d.key, d.payload, d.due, lane=d.lane)]
    return ", ".join(f"{d.kind.partition('.')[2]} of {d.payload['request_id']}" for d in new)


def let_in(keeper: Keeper) -> str:
    """Requests that wait to start come in where there is room."""
    from sluice.stream.pulling import let_in_whose_turn_it_is

    came = let_in_whose_turn_it_is(keeper.tools)
    return ", ".join(f"{request} at {stage}" for request, stage in came)


def expire(keeper: Keeper) -> str:
    """Requests end whose signatures went unanswered too long."""
    from sluice.approval import expire, overdue

    tools, ended = keeper.tools, []
    with tools.ledger.reading() as tx:
        late = overdue(tx, tools.now())
    for request_id in late:  # one at a time: writers wait for one another
        with tools.ledger.transaction() as tx:
            request = tx.request(request_id)
            if request is not None and expire(tx, request, tools.now()):
                ended.append(request_id)
    return f"expired: {', '.join(ended)}" if ended else ""


def take_up_again(keeper: Keeper) -> str:
    """What was sent back, or stands still, is done again; Airflow is asked only when something is open."""
    from sluice.stream.rework import restart_what_stands_still, wanting_restart

    with keeper.tools.ledger.reading() as tx:
        if not wanting_restart(tx):
            return ""
    with keeper.airflow() as api:
        return "; ".join(restart_what_stands_still(keeper.tools, api))


def keep_heads(keeper: Keeper) -> str:
    """Where the record of decisions ends is written into the lake, if it has moved."""
    from sluice.stream.anchor import anchor

    anchor(keeper.tools)
    return ""


def warn_of_slips(keeper: Keeper) -> str:
    """Promises that will probably slip, with the cause, while something can still be done."""
    from sluice.stream.slips import warn_of_slips as warn

    return ", ".join(warn(keeper.tools))


def write_letters(keeper: Keeper) -> str:
    """The morning digest and the weekly report, when their hour has come."""
    from sluice.stream.digesting import write_due_letters

    return ", ".join(write_due_letters(keeper.tools))


def read_lineage(keeper: Keeper) -> str:
    """What the event log tells of lineage."""
    from sluice.stream.lineage import read_lineage as read

    count = read(keeper.tools)
    return f"{count} lineage events" if count else ""


def send_event_log(keeper: Keeper) -> str:
    """New events of the stage clock, for the systems that follow it."""
    from sluice.stream.event_log import send_event_log as send

    count = send(keeper.tools)
    return f"{count} events" if count else ""


def deliver(keeper: Keeper) -> str:
    """What is due goes out."""
    from sluice.stream.telling import deliver_all

    done = deliver_all(keeper.tools, keeper.secrets)
    return ", ".join(f"{count} {state}" for state, count in sorted(done.items()))


def let_go(keeper: Keeper) -> str:
    """Letters that were delivered long ago are let go, some each round."""
    tools = keeper.tools
    with tools.ledger.transaction() as tx:
        gone = tx.prune_letters(tools.now() - KEPT, MOST)
    return f"{gone} old letters" if gone else ""


READING_SECONDS = 20.0


def renew_lines(keeper: Keeper) -> str:
    """The flow pages read ahead, so that whoever opens one does not wait for it."""
    from sluice.insight.reading import catch_up

    until = time.monotonic() + READING_SECONDS
    left = catch_up(keeper.tools.ledger, lambda: time.monotonic() < until, keeper.tools.policy().calendar_of)
    return f"{left:,} events are still to be read" if left else ""


STEPS = (
    Step("turns", "let in whose turn it is", let_in),
    Step("reminders", "remind and escalate", remind),
    Step("deadlines", "watch what was promised", watch_deadlines),
    Step("expiry", "end what went unanswered too long", expire),
    Step("rework", "take up again what was sent back", take_up_again),
    Step("incidents", "tell again of incidents that last", update_incidents),
    Step("anchor", "anchor the record of decisions in the lake", keep_heads),
    Step("slips", "warn of promises that will slip", warn_of_slips),
    Step("letters", "write the digest and the report", write_letters),
    Step("lines", "read new events for the flow pages", renew_lines),
    Step("lineage", "turn the event log into lineage", read_lineage),
    Step("events", "send the event log to who follows it", send_event_log),
    Step("outbox", "deliver what is due", deliver),
    Step("prune", "let go of letters delivered long ago", let_go),
)
"""Every step, by its name; `dags/keep_flowing.py` and `sluice tick` do them all."""
