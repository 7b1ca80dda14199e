"""The same for many, one after the other: what cannot be done for one is done for the others all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from sluice.errors import SluiceError

log = logging.getLogger(__name__)


def one_by_one(names: Iterable[str], work: Callable[[str], object]) -> tuple[list[str], list[SluiceError]]:
    """Do the work for every name: those for which it was done, and the errors of the others, which are logged."""
    done: list[str] = []
    failed: list[SluiceError] = []
    for name in names:
        try:
            work(name)
            done.append(name)
        except SluiceError as error:
            log.warning("%s: %s", name, error)
            failed.append(error)
    return done, failed
