"""
### Keep access as the contracts declare it

Every hour: whose time is over loses access, what somebody took away by mistake is granted again, and what others
granted beyond a contract is named in the log and left alone. `sluice access` shows the same by hand.
"""

from datetime import datetime, timedelta

from airflow.sdk import dag

from sluice_airflow.access import keep_access_as_declared


@dag(
    doc_md=__doc__,
    schedule=timedelta(hours=1),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    tags=["keeping"],
)
def keep_access():
    keep_access_as_declared()


keep_access()
