"""What has to be done again and again so that nothing lies still: told, reminded, expired, restarted, delivered.

Every step looks at the state and may be repeated at any time, by several at once. A step that fails stops no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sluice.adapters.airflow_api import AirflowApi
from sluice.errors import SluiceError, TransientError
from sluice.stream.telling import Secrets
from sluice.stream.tools import Tools


@dataclass(frozen=True)
class Keeper:
    """What the steps work with. `airflow` logs the service in at Airflow; only the steps that need it call it."""

    tools: Tools
    secrets: Secrets
    airflow: Callable[[], AirflowApi]


@dataclass(frozen=True)
class Step:
    """One thing to do: `words` say what, `work` does it and says in words what came of it ("" for nothing to do)."""

    name: str
    words: str
    work: Callable[[Keeper], str]


@dataclass(frozen=True)
class Outcome:
    """How a step went. `error` is empty when it went well; `seconds` is how long it took."""

    step: str
    did: str
    error: str
    seconds: float


def keep(keeper: Keeper, steps: Sequence[Step]) -> list[Outcome]:
    """Do every step in order, whatever becomes of the others."""
    return [_done(keeper, step) for step in steps]


def _done(keeper: Keeper, step: Step) -> Outcome:
    began = time.monotonic()
    did, error = "", ""
    try:
        did = step.work(keeper)
    except Exception as failure:  # the other steps must still be done; whoever called says that this one was not
        said = failure if isinstance(failure, SluiceError) else f"[INTERNAL] {type(failure).__name__}: {failure}"
        error = str(said)
    return Outcome(step.name, did, error, round(time.monotonic() - began, 3))


def failures(outcomes: Sequence[Outcome]) -> TransientError | None:
    """One error that names every step that failed; None when all went well."""
    failed = [o for o in outcomes if o.error]
    if not failed:
        return None
    said = "; ".join(f"{o.step}: {o.error}" for o in failed)
    return TransientError("STEPS_FAILED", f"{len(failed)} of {len(outcomes)} steps failed: {said}",
                          mend="The other steps were done; the next round tries again.")  # fmt: skip
