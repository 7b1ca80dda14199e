"""# Keep the published tables in order

Every night: small files are put together, snapshots older than the policy keeps them are forgotten, and files that no
snapshot needs any more are deleted. The last good snapshots stay, and nothing of a source with an open incident is
touched. What it saved is on record (`sluice cost`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import dag

from sluice_airflow.published import maintained


@dag(
    doc_md=__doc__, schedule="30 2 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1,
    tags=["running"],
)  # fmt: skip
def maintain_tables() -> None:
    maintained()


maintain_tables()
