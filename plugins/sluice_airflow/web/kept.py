"""Answers that take longer than a page may: made in the background, shown until they are made again."""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)
MOST = 200


@dataclass
class _Answer:
    value: Any = None
    made: float | None = None
    failed: Exception | None = None
    making: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Kept:
    """Kept answers by key. One thread makes an answer, however many ask for it."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, _Answer] = {}
        self._lock = threading.Lock()

    def ask(self, key: Hashable, make: Callable[[], Any], *, fresh: float, wait: float, patient: bool = False) -> Any:
        """The answer, or None while there is none after `wait` seconds. One older than `fresh` seconds is made
        again while the old one is shown. Raises what making it raised.

        Who comes while it is being made waits for it only when `patient`: else every page would be late by `wait`.
        """
        with self._lock:
            if key not in self._answers and len(self._answers) >= MOST:
                self._answers.pop(next(iter(self._answers)))
            answer = self._answers.setdefault(key, _Answer())
            stale = answer.made is None or time.monotonic() - answer.made > fresh
            begins = stale and not answer.making
            if begins:
                answer.making = True
                answer.done.clear()
                threading.Thread(target=self._make, args=(answer, make), daemon=True, name="kept answer").start()
        if answer.made is None and (begins or patient):
            answer.done.wait(wait)
        if answer.failed is not None:
            raise answer.failed
        return answer.value

    @staticmethod
    def _make(answer: _Answer, make: Callable[[], Any]) -> None:
        try:
            answer.value, answer.failed = make(), None
        except Exception as error:  # told to whoever asks
            log.debug("an answer could not be made", exc_info=True)
            answer.failed = error
        finally:
            answer.made = time.monotonic()
            answer.making = False
            answer.done.set()
