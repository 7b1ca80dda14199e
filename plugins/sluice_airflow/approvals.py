"""ApprovalSensor: waits, without a worker, until the ledger holds a role's signature.

Level-triggered: on every wake it asks the ledger again, so it may be retried, cleared, restarted or woken twice.
Its Airflow state proves nothing: `land` and `publish` read the decisions themselves.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from sluice.errors import TerminalError, TransientError
from sluice.stages import Stage
from sluice.stream.gate import settled
from sluice.stream.tools import connect

QUIET_SECONDS = 10.0
"""A resume sooner than this after parking can fail the task (apache/airflow#71580; see docs/decisions.md)."""
POLL_SECONDS = 4.0


class ApprovalSensor(BaseSensorOperator):
    """Succeeds when `role` has signed at `gate`; fails for good when somebody decided against the request."""

    template_fields: Sequence[str] = ("request_id", "gate", "role")

    def __init__(self, *, request_id: str, gate: str, role: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_id = request_id
        self.gate = gate
        self.role = role

    def execute(self, context: Any) -> str:
        """Ask the ledger; park until it may have changed. Returns who signed."""
        context["role"] = self.role
        try:
            signed_by = settled(connect().ledger, self.request_id, Stage(self.gate), self.role)
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error
        if signed_by is None:
            self.log.info("Waiting for %s to sign %s at %s", self.role, self.request_id, self.gate)
            self.defer(trigger=ApprovalTrigger(self.request_id, self.gate, self.role), method_name="resume")
        self.log.info("%s signed as %s", signed_by, self.role)
        return str(signed_by)

    def resume(self, context: Any, event: dict[str, Any] | None = None) -> str:
        """Woken: believe the ledger, not the event."""
        return self.execute(context)


class ApprovalTrigger(BaseTrigger):
    """Fires when the ledger no longer says "wait" for this signature. Idempotent, and never blocks the loop."""

    def __init__(self, request_id: str, gate: str, role: str) -> None:
        super().__init__()
        self.request_id = request_id
        self.gate = gate
        self.role = role

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes this trigger again."""
        return (
            "sluice_airflow.approvals.ApprovalTrigger",
            {"request_id": self.request_id, "gate": self.gate, "role": self.role},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait quietly, then look whenever the ledger has moved."""
        await asyncio.sleep(QUIET_SECONDS)
        seen = -1
        while True:
            pulse = await Pulse.now()
            if pulse != seen:
                seen = pulse
                if await asyncio.to_thread(self._settled):
                    yield TriggerEvent({"request_id": self.request_id, "gate": self.gate, "role": self.role})
                    return
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the load, guards nothing

    def _settled(self) -> bool:
        try:
            return settled(connect().ledger, self.request_id, Stage(self.gate), self.role) is not None
        except TransientError:
            return False
        except TerminalError:
            return True


class Pulse:
    """The newest event number of the ledger, asked once for all triggers of the process."""

    _value: ClassVar[int] = -1
    _asked: ClassVar[float] = float("-inf")
    _locks: ClassVar[dict[int, asyncio.Lock]] = {}

    @classmethod
    async def now(cls) -> int:
        """The newest event number; -1 while the ledger does not answer."""
        lock = cls._locks.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
        async with lock:
            if time.monotonic() - cls._asked >= POLL_SECONDS / 2:
                cls._value = await asyncio.to_thread(cls._ask)
                cls._asked = time.monotonic()
            return cls._value

    @classmethod
    def _ask(cls) -> int:
        try:
            with connect().ledger.reading() as tx:
                return tx.newest_event()
        except TransientError:
            return -1
