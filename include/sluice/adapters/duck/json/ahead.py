"""Makes things on a thread of their own, a few before they are asked for: two kinds of work side by side, not in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """There is no more: all is made, or `error` ended it."""

    error: BaseException | None = None


@contextmanager
def ahead(items: Iterator[T], room: int) -> Iterator[Iterator[T]]:
    """The same items in their order, up to `room` of them made and not taken. What making them raises, taking them raises.

    On leaving nothing more is made: the thread is over.
    """
    made: SimpleQueue[T | _End] = SimpleQueue()
    slots, over = Semaphore(room), Event()

    def make() -> None:
        end = _End()
        try:
            while not over.is_set():
                slots.acquire()
                if over.is_set():
                    return
                made.put(next(items))
        except StopIteration:
            pass
        except BaseException as e:
            end = _End(e)
        made.put(end)

    def taken() -> Iterator[T]:
        while not isinstance(item := made.get(), _End):
            slots.release()
            yield item
        if item.error is not None:
            raise item.error

    thread = Thread(target=make, name="sluice-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        over.set()
        slots.release()
        thread.join()
