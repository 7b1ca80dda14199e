"""PullSensor: a request waits, without a worker, until it is its turn at an entry of the stream.

Level-triggered like ApprovalSensor: on every wake the ledger is asked again, so it may be retried, cleared or woken
twice. Whoever looks lets in everybody whose turn it is, in order, in one transaction of the ledger: so twenty that
ask at once never come to be more than the limit, and none overtakes another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from sluice.errors import TerminalError, TransientError
from sluice.pull.letting import is_in
from sluice.stages import Stage
from sluice.stream.pulling import come_in, let_in_whose_turn_it_is
from sluice.stream.tools import connect
from sluice_airflow.approvals import QUIET_SECONDS, Pulse

LOOK_SECONDS = 4.0
"""How often each that waits for its turn looks whether anything moved."""


class PullSensor(BaseSensorOperator):
    """Succeeds when the request was let in at the entry `stage`."""

    template_fields: Sequence[str] = ("request_id", "stage")

    def __init__(self, *, request_id: str, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_id = request_id
        self.stage = stage

    def execute(self, context: Any) -> str:
        """Come in if it is our turn; park if not. Returns the stage."""
        try:
            held = come_in(connect(), self.request_id, Stage(self.stage))
        except TerminalError as error:
            raise AirflowFailException(str(error)) from error
        if held is not None:
            self.log.info("Held back before %s: %s", self.stage, held)
            self.defer(trigger=PullTrigger(self.request_id, self.stage), method_name="resume")
        return str(self.stage)

    def resume(self, context: Any, event: dict[str, Any] | None = None) -> str:
        """Woken: believe the ledger, not the event."""
        return self.execute(context)


class PullTrigger(BaseTrigger):
    """Fires when the request was let in, or can wait no longer. Idempotent, and never blocks the loop."""

    _turns: ClassVar[dict[int, tuple[int, asyncio.Lock]]] = {}

    def __init__(self, request_id: str, stage: str) -> None:
        super().__init__()
        self.request_id = request_id
        self.stage = stage

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes this trigger again."""
        return "sluice_airflow.pulling.PullTrigger", {"request_id": self.request_id, "stage": self.stage}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait quietly, then look whenever the ledger has moved."""
        await asyncio.sleep(QUIET_SECONDS)
        seen = -1
        while True:
            pulse = await Pulse.now()
            if pulse != seen:
                await self._give_turns(pulse)
                seen = pulse
                if await asyncio.to_thread(self._settled):
                    yield TriggerEvent({"request_id": self.request_id, "stage": self.stage})
                    return
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the load, guards nothing

    @classmethod
    async def _give_turns(cls, pulse: int) -> None:
        """Once for all that wait in this process: let in whose turn it is."""
        loop = id(asyncio.get_running_loop())
        _, lock = cls._turns.setdefault(loop, (-1, asyncio.Lock()))
        async with lock:
            if cls._turns[loop][0] != pulse:
                await asyncio.to_thread(_let_in)
                cls._turns[loop] = (pulse, lock)

    def _settled(self) -> bool:
        try:
            with connect().ledger.reading() as tx:
                return is_in(tx, self.request_id, Stage(self.stage))
        except TransientError:
            return False
        except TerminalError:
            return True


def _let_in() -> None:
    try:
        let_in_whose_turn_it_is(connect())
    except TransientError:
        return  # the next look tries again
