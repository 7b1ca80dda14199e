"""
### Keep requests flowing

Every minute, one cheap round: remind those who were asked and tell somebody else when they do not answer, end what
nobody answered in time, start again what was sent back, let the next request start when there is room, watch what was
promised, and deliver whatever people and systems must be told.

A step that fails does not stop the others; the run is red then, and its log names the step. `sluice tick` does the
same round by hand, `sluice outbox list` shows what could not be delivered.
"""

from datetime import datetime, timedelta

from airflow.sdk import dag

from sluice_airflow.keeping import keep_everything_moving


@dag(
    doc_md=__doc__,
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=10),
    tags=["keeping"],
)
def keep_flowing():
    keep_everything_moving()


keep_flowing()
