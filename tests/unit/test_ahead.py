"""Things made ahead come in their order; an error comes when its turn does; leaving early ends the making."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from sluice.adapters.duck.json.ahead import ahead


def test_all_come_in_their_order() -> None:
    with ahead(iter(range(100)), 3) as made:
        assert list(made) == list(range(100))


def test_no_more_are_made_than_there_is_room_for() -> None:
    taken: list[int] = []
    most = [0]

    def numbers() -> Iterator[int]:
        for n in range(200):
            most[0] = max(most[0], n - len(taken))
            yield n

    with ahead(numbers(), 3) as made:
        taken.extend(made)
    # One besides, which was asked for and not yet counted.
    assert len(taken) == 200 and most[0] <= 3 + 1


def test_an_error_comes_when_its_turn_does() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with ahead(broken(), 3) as made:
        assert next(made) == 1
        with pytest.raises(OSError, match="gone"):
            next(made)


def test_leaving_early_ends_the_making() -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), ahead(count(), 3) as made:
        assert next(made) == 0
        raise KeyboardInterrupt
    assert threading.active_count() == before
