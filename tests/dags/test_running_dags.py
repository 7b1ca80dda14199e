"""The DAGs of published sources: they load, their forms ask what is needed, and their tasks stand in order."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]


def loaded(name: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(PROJECT / "dags" / f"{name}.py"))
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture(scope="module")
def restore_source() -> Any:
    return loaded("restore_source")["restore_source"]


def test_the_restore_asks_what_is_wrong_and_puts_back(restore_source: Any) -> None:
    assert set(restore_source.params) == {"source", "reason", "severity", "snapshot"}
    assert [t.task_id for t in restore_source.tasks] == ["put_back"]
    assert restore_source.doc_md.startswith("# Put a source back")
