"""Retries by kind of work: each rule with its reason. What Sluice calls terminal is never retried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

RETRIES: dict[str, dict[str, Any]] = {
    # Opening a request touches the ledger and looks at the source: brief outages pass.
    "record": {"retries": 2, "retry_delay": timedelta(seconds=5)},
    # Moving data meets throttling, resets and lost workers; every try is a new attempt prefix.
    "move": {"retries": 3, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": True,
             "max_retry_delay": timedelta(minutes=5)},
    # Computing on staged data fails for outages or for good; a failed check is for good.
    "compute": {"retries": 2, "retry_delay": timedelta(seconds=10)},
    # Waiting is safe to repeat (it asks the ledger again); Airflow may fail a task that resumes while it parks.
    "wait": {"retries": 10, "retry_delay": timedelta(seconds=5)},
    # A commit whose outcome is unknown is looked up by the next try before it writes.
    "commit": {"retries": 5, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": True,
               "max_retry_delay": timedelta(minutes=5)},
    # The verdict on the run is final.
    "none": {"retries": 0},
}  # fmt: skip
