"""# Put a source back to its last good data

The data that people see comes first: every table of the source shows its last good snapshot again, in seconds. Then
an **incident** is opened, with an owner, a severity and a time by which it should be over; the contract's support
channels hear of it, and nothing of the source is published until somebody has said what the cause was and closed it.

Doing it again while the incident is open changes nothing but its timeline.
"""

from __future__ import annotations

from airflow.sdk import dag

from sluice_airflow.published import restore_form, restored


@dag(doc_md=__doc__, schedule=None, catchup=False, params=restore_form(), max_active_runs=50, tags=["running"])
def restore_source() -> None:
    restored()


restore_source()
