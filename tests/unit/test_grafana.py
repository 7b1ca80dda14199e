"""include/grafana: valid, provisioned by docker-compose.yaml, and asking only for metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from compose_file import REQUIRED, compose
from sluice.insight.columns import columns_of
from sluice.telemetry.metrics import flow_metrics, outbox_metric

PROJECT = Path(__file__).resolve().parents[2]
GRAFANA = PROJECT / "include" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
ALERTS = yaml.safe_load((GRAFANA / "provisioning" / "alerting" / "sluice.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DATA_SOURCES = {
    d["uid"]
    for f in (GRAFANA / "provisioning" / "datasources").glob("*.yaml")
    for d in yaml.safe_load(f.read_text())["datasources"]
}
WORDS = {
    "max", "min", "sum", "by", "on", "increase", "rate", "vector", "or", "and", "ignoring", "stage", "kind", "quantile", "reason",
    "channel", "state", "job", "avg", "without", "clamp_max",
}  # fmt: skip


def served() -> set[str]:
    """The names that /sluice/metrics serves, as Prometheus stores them."""
    metrics = [*flow_metrics(columns_of(()), {}, {}, datetime(2026, 3, 2, tzinfo=UTC)), outbox_metric({})]
    names = set()
    for metric in metrics:
        names |= {f"{metric.name}_sum", f"{metric.name}_count"} if metric.kind == "summary" else set()
        names.add(metric.name)
    return names | {"up"}


def queries() -> Iterator[tuple[str, str]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            yield from ((f"{file.stem}: {panel['title']}", t["expr"]) for t in panel["targets"])
    for rule in RULES:
        yield from ((rule["uid"], d["model"]["expr"]) for d in rule["data"] if "expr" in d["model"])


def test_there_is_something() -> None:
    assert DASHBOARDS and RULES and len(list(queries())) > 15


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_asks_for_metrics_that_exist(where: str, query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    assert bare.count("(") == bare.count(")") and bare.count("{") == bare.count("}"), where
    names = {n for n in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.sub(r"\[[^\]]*\]", "", bare)) if n not in WORDS}
    assert names and names <= served(), f"{where}: {names - served()}"


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_is_promql(where: str, query: str) -> None:
    assert promql_parser.parse(query) is not None, where


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda f: f.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    board: dict[str, Any] = json.loads(file.read_text())
    assert board["uid"] and board["title"] and board["schemaVersion"] >= 39
    panels = board["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    for panel in panels:
        assert panel["title"] and panel["description"], "people read it"
        assert {t["datasource"]["uid"] for t in panel["targets"]} <= DATA_SOURCES
        assert len({t["refId"] for t in panel["targets"]}) == len(panel["targets"])
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24
    taken = [(x, y) for p in panels for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
             for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])]  # fmt: skip
    assert len(taken) == len(set(taken)), "no panel lies over another"


def test_every_alert_names_its_condition_and_says_what_to_do() -> None:
    assert len({r["uid"] for r in RULES}) == len(RULES)
    for rule in RULES:
        assert len(rule["uid"]) <= 40
        refs = {d["refId"] for d in rule["data"]}
        assert rule["condition"] in refs
        for data in rule["data"]:
            assert data["datasourceUid"] in DATA_SOURCES | {"__expr__"}
            assert data["model"]["refId"] == data["refId"]
            if data["datasourceUid"] == "__expr__":
                assert data["model"]["expression"] in refs
        assert len(rule["annotations"]["summary"]) > 40
        assert rule["labels"]["severity"] in ("info", "warning", "critical")


def test_compose_provisions_all_of_it_and_prometheus_scrapes_us() -> None:
    services = compose(REQUIRED)["services"]
    mounts = dict(v.split(":")[:2] for v in services["grafana"]["volumes"] if v.startswith("./"))
    assert {(PROJECT / place).resolve() for place in mounts} == {GRAFANA / "provisioning", GRAFANA / "dashboards"}
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "sluice.yaml").read_text())["providers"][0]
    assert mounts["./include/grafana/dashboards"] == provider["options"]["path"]
    scrapes = yaml.safe_load((PROJECT / "include" / "deploy" / "prometheus.yaml").read_text())["scrape_configs"]
    ours = next(s for s in scrapes if s["job_name"] == "sluice")
    assert ours["metrics_path"] == "/sluice/metrics"
    assert ours["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert services["api-server"]["environment"]["SLUICE_METRICS_TOKEN"] == REQUIRED["METRICS_TOKEN"]
