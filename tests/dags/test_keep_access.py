"""keep_access: every hour, one task; and access follows the publication's commit."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dags() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        from airflow.dag_processing.dagbag import DagBag

        return {
            name: DagBag(str(PROJECT / "dags" / f"{name}.py")).dags[name] for name in ("keep_access", "onboard_source")
        }


def test_it_runs_every_hour_one_at_a_time(dags: Any) -> None:
    dag = dags["keep_access"]
    assert (dag.schedule, dag.max_active_runs, dag.catchup) == (timedelta(hours=1), 1, False)
    assert [t.task_id for t in dag.tasks] == ["every_source"]
    assert "sluice access" in dag.doc_md


def test_access_is_granted_after_the_commit_and_never_before(dags: Any) -> None:
    grant = dags["onboard_source"].get_task("publish.grant")
    assert "publish.commit" in grant.upstream_task_ids
