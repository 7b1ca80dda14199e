"""keep_flowing: every minute, one task, one run at a time."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dag() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(PROJECT / "dags" / "keep_flowing.py"))
    assert bag.import_errors == {}
    return bag.dags["keep_flowing"]


def test_it_runs_every_minute_one_at_a_time_and_never_catches_up(dag: Any) -> None:
    assert dag.schedule == timedelta(minutes=1)
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_it_is_one_task_that_is_not_retried(dag: Any) -> None:
    (task,) = dag.tasks
    assert (task.task_id, task.retries) == ("one_round", 0)


def test_its_text_is_for_people(dag: Any) -> None:
    assert "Every minute" in dag.doc_md
    assert "sluice tick" in dag.doc_md
