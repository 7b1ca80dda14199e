"""The DAGs of published sources: they load, their forms ask what is needed, and their tasks stand in order."""

from __future__ import annotations

import json
import time
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


def test_the_watch_and_the_upkeep_run_by_themselves() -> None:
    watch, upkeep = loaded("watch_sources")["watch_sources"], loaded("maintain_tables")["maintain_tables"]
    assert [t.task_id for t in watch.tasks] == ["round"] and watch.catchup is False
    assert {t.task_id for t in upkeep.tasks} == {"sources", "upkeep"} and upkeep.get_task("upkeep").is_mapped


def test_the_end_of_a_source_takes_two_people() -> None:
    dag = loaded("offboard_source")["offboard_source"]
    assert set(dag.params) == {"source", "what", "reason", "destroy"}
    assert [t.task_id for t in dag.topological_sort()] == ["decide", "end"]


def written(home: Path, count: int) -> None:
    """A read model of so many sources, fresh."""
    home.mkdir(parents=True, exist_ok=True)
    sources = [
        {
            "source": f"source_{i:04}", "request_id": f"onb-{i}", "contract_digest": "d" * 64, "version": "1.0.0", "owner": "olga",
            "name": f"Source {i}", "schedule": "0 6 * * *" if i % 2 else "every 900 s", "zone": "Europe/Berlin", "frequency": 900.0, "latency": 0,
            "available": None, "channels": [],
            "tables": {n: {"identifier": f"source_{i:04}.{n}", "uri": f"glue://source_{i:04}/{n}"} for n in ("orders", "items")},
        }
        for i in range(count)
    ]  # fmt: skip
    (home / "published.json").write_text(json.dumps(sources))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_every_published_source_has_its_dag(home: Path) -> None:
    written(home, 2)
    dags = loaded("refresh_sources")
    assert set(dags) == {"refresh_source_0000", "refresh_source_0001"}
    dag = dags["refresh_source_0001"]
    assert [t.task_id for t in dag.topological_sort()] == ["open", "land", "check", "publish", "conclude"]
    assert {a.name for a in dag.get_task("publish").outlets} == {"source_0001.orders", "source_0001.items"}
    assert set(dag.params) == {"since", "until", "everything", "again"}
    assert dag.max_active_runs == 1 and dag.catchup is False
    assert (
        "cron" in type(dag.timetable).__name__.lower()
        and "delta" in type(dags["refresh_source_0000"].timetable).__name__.lower()
    )


def test_a_daily_refresh_keeps_its_hour_in_summer_and_winter(home: Path) -> None:
    written(home, 2)
    timetable = loaded("refresh_sources")["refresh_source_0001"].timetable
    told = {str(getattr(timetable, n, "")) for n in ("timezone", "_timezone")}
    assert "Europe/Berlin" in " ".join(told), timetable


def test_a_thousand_sources_parse_in_ten_seconds(home: Path) -> None:
    written(home, 1000)
    begun = time.process_time()  # not the wall: others may be using the machine
    dags = loaded("refresh_sources")
    took = time.process_time() - begun
    assert len(dags) == 1000
    assert took < 10, f"{took:.1f} s"


def test_without_a_ledger_there_are_no_refresh_dags_and_no_error(home: Path) -> None:
    assert loaded("refresh_sources") == {}
