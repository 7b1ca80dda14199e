"""# Watch the published sources

Every five minutes: people hear of open incidents when an update is due, deliveries that are late are noticed and
told, changes of contracts that were approved are adopted, and budgets that run out are named.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from sluice_airflow.published import watched


@dag(
    doc_md=__doc__, schedule=timedelta(minutes=5), start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1,
    tags=["running"],
)  # fmt: skip
def watch_sources() -> None:
    watched()


watch_sources()
