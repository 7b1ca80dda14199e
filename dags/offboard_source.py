"""# End the life of a source

One person asks, another agrees by starting this again with *agree*. Then, step by step and each on record: consumers
are **told**, grants are **revoked**, the tables are **unpublished** and leave the catalog, and the data is **kept** or
**destroyed** as retention and legal holds say, with a proof: every object with its digest, and that it is gone.

A run that was interrupted is cleared, or simply started again: it goes on where it stopped.
"""

from __future__ import annotations

from airflow.sdk import dag

from sluice_airflow.published import offboard_form, offboarded


@dag(doc_md=__doc__, schedule=None, catchup=False, params=offboard_form(), max_active_runs=50, tags=["running"])
def offboard_source() -> None:
    offboarded()


offboard_source()
