"""The steps of a round, in the order in which they are done: deliveries last, so that what the others said goes out."""

from __future__ import annotations

from sluice.stream.keeping import Keeper, Step


def update_incidents(keeper: Keeper) -> str:
    """Open incidents of which people have not heard for too long."""
    from sluice.running.incidents import tell_what_is_due

    tools = keeper.tools
    with tools.ledger.transaction() as tx:
        told = tell_what_is_due(tx, tools.policy().running.incidents, tools.now())
    return f"told of {', '.join(told)}" if told else ""


def let_in(keeper: Keeper) -> str:
    """Requests that wait to start come in where there is room."""
    from sluice.stream.pulling import let_in_whose_turn_it_is

    came = let_in_whose_turn_it_is(keeper.tools)
    return ", ".join(f"{request} at {stage}" for request, stage in came)


def deliver(keeper: Keeper) -> str:
    """What is due goes out."""
    from sluice.stream.telling import deliver_all

    done = deliver_all(keeper.tools, keeper.secrets)
    return ", ".join(f"{count} {state}" for state, count in sorted(done.items()))


STEPS = (
    Step("turns", "let in whose turn it is", let_in),
    Step("incidents", "tell again of incidents that last", update_incidents),
    Step("outbox", "deliver what is due", deliver),
)
"""Every step, by its name; `dags/keep_flowing.py` and `sluice tick` do them all."""
