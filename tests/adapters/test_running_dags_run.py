"""The DAGs of a published source really run: task by task in Airflow, on a real ledger and lake."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

from aws_calls import beyond_the_role, heard, listen
from shop import Shop
from sluice.running import incidents, offboarding
from sluice.settings import Settings

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
for file, name, conf in json.loads(sys.argv[1]):
    run = DagBag(f"dags/{file}.py").dags[name].test(run_conf=conf)
    print("RESULT", name, run.state, {t.task_id: str(t.state) for t in run.get_task_instances()})
"""


def test_refresh_restore_watch_upkeep_access_and_the_question_of_the_end(
    services: Settings, ledger_url: str, lake: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path, ledger_url, f"{lake}/sluice", f"shop_{secrets.token_hex(4)}")
    listen(services.aws_endpoint)
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    shop.publish()
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00"), (3, "cid", "1.00")])
    environment = os.environ | shop.environment | {
        "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}", "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    }  # fmt: skip
    airflow = str(Path(sys.executable).parent / "airflow")
    subprocess.run([airflow, "db", "migrate"], env=environment, capture_output=True, check=True, cwd=PROJECT)
    refresh = ["refresh_sources", f"refresh_{shop.source}", {}]
    steps = [
        refresh, refresh, ["restore_source", "restore_source", {"source": shop.source, "reason": "a try"}], ["watch_sources", "watch_sources", {}],
        ["maintain_tables", "maintain_tables", {}], ["keep_access", "keep_access", {}], ["offboard_source", "offboard_source", {"source": shop.source, "what": "ask", "reason": "over"}],
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(steps)], env=environment, capture_output=True, text=True, cwd=PROJECT
    )
    found = re.findall(r"^RESULT (\w+) (\w+) (\{.*\})$", done.stdout, re.MULTILINE)
    assert [(name, state) for name, state, _ in found] == [(s[1], "success") for s in steps], done.stderr[-2000:]
    calls = heard(services.aws_endpoint)
    assert calls and beyond_the_role(calls, lake.removeprefix("s3://")) == set(), "the documented role is enough"
    first, second = found[0][2], found[1][2]
    assert "'publish': 'success'" in first and "'publish': 'skipped'" in second, "nothing new, nothing announced"
    assert [r[0] for r in shop.rows()] == [1, 2], "the restore put the first version back"
    with shop.tools.ledger.reading() as tx:
        assert incidents.open_incident_of(tx, shop.source) is not None
        going = offboarding.current(tx, shop.source)
    assert going is not None and going.state == "asked", "one person alone ends nothing"
