"""Flow: where a request's time goes. Pure functions over the event log; the time is an argument.

`request_flow(events, now)` gives one request's `RequestFlow`; `sluice.flow.summary` sums many up, `sluice.flow.log`
writes the event log out and reads histories in, `sluice.flow.comparison` sets a period beside a frozen baseline.
"""

from sluice.flow.kinds import REASONS, WAITS, Kind, ReasonCode
from sluice.flow.request import RequestFlow, StageFlow, request_flow
from sluice.flow.timeline import Ask, Attempt, Stretch

__all__ = [
    "REASONS",
    "WAITS",
    "Ask",
    "Attempt",
    "Kind",
    "ReasonCode",
    "RequestFlow",
    "StageFlow",
    "Stretch",
    "request_flow",
]
