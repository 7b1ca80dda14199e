"""The DAG: it loads, it is the value stream, and its form asks what the intake needs."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from sluice.stages import GATES, PER_TABLE, PREDECESSORS, Stage

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dag() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["onboard_source"]


def groups(dag: Any) -> dict[str, Any]:
    return {name: group for name, group in dag.task_group.children.items() if hasattr(group, "children")}


def test_every_dag_file_is_claimed_by_a_test() -> None:
    files = {p.stem for p in (PROJECT / "dags").glob("*.py")}
    assert files == {
        "keep_access", "keep_flowing", "maintain_tables", "offboard_source", "onboard_source", "refresh_sources", "restore_source",
        "watch_sources",
    }  # fmt: skip


def test_each_stage_is_a_task_group_of_its_name(dag: Any) -> None:
    assert set(groups(dag)) == {s.value for s in Stage}


def test_the_groups_stand_in_the_order_of_the_value_stream(dag: Any) -> None:
    """The DAG and the ledger's rules are two statements of one order."""
    for stage, before in PREDECESSORS.items():
        first = [
            t
            for t in groups(dag)[stage].children.values()
            if not (t.upstream_task_ids & set(groups(dag)[stage].children))
        ]
        upstream = {u for t in first for u in t.get_flat_relative_ids(upstream=True)}
        for predecessor in before:
            assert set(groups(dag)[predecessor].children) <= upstream, f"{stage} does not wait for {predecessor}"
        later = set(Stage) - {stage} - {s for s in Stage if _before(s, stage)}
        assert not upstream & {t for s in later for t in groups(dag)[s].children}


def _before(earlier: Stage, stage: Stage) -> bool:
    return any(earlier is p or _before(earlier, p) for p in PREDECESSORS[stage])


def test_tables_and_signatures_are_mapped(dag: Any) -> None:
    mapped = {t.task_id for t in dag.tasks if t.is_mapped}
    assert mapped == {f"{s}.table" for s in PER_TABLE} | {f"{g}.signature" for g in GATES}


def test_the_signature_task_is_the_deferrable_sensor(dag: Any) -> None:
    from sluice_airflow.approvals import ApprovalSensor

    assert dag.get_task("admission.signature").operator_class is ApprovalSensor


def test_retries_go_by_kind_of_work_and_the_verdict_has_none(dag: Any) -> None:
    assert dag.get_task("conclude").retries == 0
    assert dag.get_task("conclude").trigger_rule == "all_done"
    assert dag.get_task("land.table").partial_kwargs["retries"] == 3
    assert all(
        (t.partial_kwargs["retries"] if t.is_mapped else t.retries) > 0 for t in dag.tasks if t.task_id != "conclude"
    )


def test_the_form_offers_the_folder_and_types_every_field(dag: Any) -> None:
    schema = {name: dag.params.get_param(name).schema for name in dag.params}
    assert set(schema) == {
        "contract",
        "contract_yaml",
        "base",
        "use_case",
        "class_of_service",
        "due_date",
        "accept_delay",
        "comment",
    }
    assert "nyc_flights.odcs.yaml" in schema["contract"]["enum"]
    assert schema["class_of_service"]["enum"] == ["expedite", "fixed_date", "standard", "intangible"]
    assert all(s["title"] and s["type"] for s in schema.values())
    assert all(dag.params.get_param(name).description for name in dag.params)


def test_one_text_for_reader_and_screen(dag: Any) -> None:
    assert dag.doc_md is not None
    assert "Onboard a source" in dag.doc_md
    for stage in Stage:
        assert f"**{stage}**" in dag.doc_md


def test_hundreds_of_requests_may_wait_at_once(dag: Any) -> None:
    assert dag.max_active_runs >= 500
    assert dag.catchup is False


def test_it_survives_serialisation(dag: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.serialization.serialized_objects import DagSerialization

        data = DagSerialization.to_dict(dag)
        again = DagSerialization.from_dict(data)
    assert sorted(again.task_ids) == sorted(dag.task_ids)


def test_parsing_pulls_in_no_engine() -> None:
    """Also through our own modules: a fresh interpreter imports what the DAG file imports."""
    heavy = ("great_expectations", "pandas", "pyarrow", "boto3", "duckdb", "pyiceberg")
    code = f"import sys, sluice_airflow.stream, sluice_airflow.form; print([m for m in {heavy} if m in sys.modules])"
    path = f"{PROJECT / 'include'}:{PROJECT / 'plugins'}"
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr
