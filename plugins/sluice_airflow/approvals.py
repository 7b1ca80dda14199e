"""ApprovalSensor: waits, without a worker, until the ledger holds the signatures of a role.

Level-triggered: on every wake it asks the ledger again, so it may be retried, cleared, marked, restarted or woken
twice. Its Airflow state proves nothing: `land` and `publish` read the decisions themselves.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from sluice.errors import TerminalError, TransientError
from sluice.ledger import Ledger
from sluice.stages import Stage
from sluice.stream.gate import passed, settled

QUIET_SECONDS = 10.0
"""A resume sooner than this after parking can fail the task (apache/airflow#71580; see docs/decisions.md)."""
POLL_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 1800.0
"""How long a trigger trusts that nothing moved; the pulse tells it of everything sooner."""


@cache
def ledger() -> Ledger:
    """The configured ledger, one per process: a trigger needs nothing of the lake."""
    from sluice.adapters.ledger import PostgresLedger
    from sluice.settings import load

    return PostgresLedger(load().ledger)


class ApprovalSensor(BaseSensorOperator):
    """Succeeds when `role` has signed at `gate`, as often as the policy asks; fails for good when it never will."""

    template_fields: Sequence[str] = ("request_id", "gate", "role")

    def __init__(self, *, request_id: str, gate: str, role: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_id = request_id
        self.gate = gate
        self.role = role

    def execute(self, context: Any) -> str:
        """Ask the ledger; park until it may have changed. Returns who signed."""
        try:
            signed_by = settled(ledger(), self.request_id, Stage(self.gate), self.role)
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


class GateSensor(BaseSensorOperator):
    """Succeeds when the gate as a whole is complete in the ledger: what comes after it hangs on this task.

    Waits while a signature was taken back or the request sent back. Where Airflow says that every role has signed
    and the ledger does not, it fails: somebody marked a task.
    """

    template_fields: Sequence[str] = ("request_id", "gate")

    def __init__(self, *, request_id: str, gate: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_id = request_id
        self.gate = gate

    def execute(self, context: Any) -> str:
        """Ask the ledger; park while people are at work on it."""
        try:
            done = passed(ledger(), self.request_id, Stage(self.gate))
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error
        if not done:
            self.log.info("Something was taken or sent back; waiting for the %s gate", self.gate)
            self.defer(trigger=ApprovalTrigger(self.request_id, self.gate, ""), method_name="resume")
        return str(self.gate)

    def resume(self, context: Any, event: dict[str, Any] | None = None) -> str:
        """Woken: believe the ledger, not the event."""
        return self.execute(context)


class ApprovalTrigger(BaseTrigger):
    """Fires when the ledger no longer says "wait" for this signature; with an empty role, for the gate.

    Idempotent, and never blocks the loop.
    """

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
        """Wait quietly, then look whenever the request has moved."""
        await asyncio.sleep(QUIET_SECONDS)
        with Pulse.watching(self.request_id) as moved:
            await Pulse.now()
            while True:
                moved.clear()
                if await asyncio.to_thread(self._settled):
                    yield TriggerEvent({"request_id": self.request_id, "gate": self.gate, "role": self.role})
                    return
                await Pulse.wait(moved)

    def _settled(self) -> bool:
        try:
            if self.role:
                return settled(ledger(), self.request_id, Stage(self.gate), self.role) is not None
            return passed(ledger(), self.request_id, Stage(self.gate))
        except TransientError:
            return False
        except TerminalError:
            return True


class Pulse:
    """One question to the ledger for all triggers of the process: which requests have moved?

    A thousand that wait cost one small query every few seconds, and only those whose request moved look closer.
    """

    _value: ClassVar[int] = -1
    _asked: ClassVar[float] = float("-inf")
    _locks: ClassVar[dict[int, asyncio.Lock]] = {}
    _watchers: ClassVar[dict[str, set[asyncio.Event]]] = {}
    _beating: ClassVar[dict[int, asyncio.Task[None]]] = {}

    @classmethod
    @contextmanager
    def watching(cls, request_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the request has moved."""
        moved = asyncio.Event()
        cls._watchers.setdefault(request_id, set()).add(moved)
        try:
            yield moved
        finally:
            cls._watchers[request_id].discard(moved)
            if not cls._watchers[request_id]:
                del cls._watchers[request_id]

    @classmethod
    async def wait(cls, moved: asyncio.Event) -> None:
        """Until the request has moved, or it is time to look again anyway."""
        loop = asyncio.get_running_loop()
        beat = cls._beating.get(id(loop))
        if beat is None or beat.done():
            cls._beating[id(loop)] = loop.create_task(cls._beat())
        patience = LOOK_AGAIN_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load, guards nothing
        try:
            await asyncio.wait_for(moved.wait(), patience)
        except TimeoutError:
            return

    @classmethod
    async def now(cls) -> int:
        """The newest event number; -1 while the ledger has never answered. Asked at most every few seconds."""
        lock = cls._locks.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
        async with lock:
            if time.monotonic() - cls._asked >= POLL_SECONDS / 2:
                before = cls._value
                cls._value, moved = await asyncio.to_thread(cls._ask, before)
                cls._asked = time.monotonic()
                for request_id in moved:
                    for event in cls._watchers.get(request_id, ()):
                        event.set()
            return cls._value

    @classmethod
    async def _beat(cls) -> None:
        while cls._watchers:
            await asyncio.sleep(POLL_SECONDS)
            await cls.now()

    @classmethod
    def _ask(cls, before: int) -> tuple[int, Sequence[str]]:
        try:
            with ledger().reading() as tx:
                if before < 0:
                    return tx.newest_event(), ()
                moved = tx.moved_since(before)
                return max(moved.values(), default=before), tuple(moved)
        except TransientError:
            return before, ()
