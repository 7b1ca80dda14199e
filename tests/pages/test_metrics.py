"""/sluice/metrics: the names of the reference, right numbers, no source and no person, and who may read it."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
import pytest
from pages_site import Site
from prometheus_client.parser import text_string_to_metric_families

from made_up import histories, load
from sluice.flow import request_flow
from sluice.flow.statistics import in_progress_by_stage
from sluice.histories import Origin
from sluice.stages import Clock, Stage
from sluice_airflow.web import access

NAMES = {
    "onboarding_stage_seconds", "onboarding_lead_time_seconds", "onboarding_wip", "onboarding_oldest_age_seconds",
    "onboarding_returns",
}  # fmt: skip


def families(text: str) -> dict[str, Any]:
    return {f.name: f for f in text_string_to_metric_families(text)}


def samples(family: Any, **labels: str) -> dict[str, float]:
    return {
        s.name: s.value for s in family.samples if labels.items() <= s.labels.items() and "quantile" not in s.labels
    }


@pytest.fixture
def busy(site: Site) -> Site:
    """Two hundred made-up live requests."""
    load(site.ledger, list(histories(200, seed=7)))
    return site


def test_the_names_are_those_of_the_reference_and_nobody_is_named(busy: Site) -> None:
    answer = httpx.get(f"{busy.url}/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = families(answer.text)
    assert set(found) >= NAMES
    labels = {name for f in found.values() for s in f.samples for name in s.labels}
    assert labels <= {"stage", "kind", "quantile", "reason", "channel", "state"}
    assert "source_0" not in answer.text and "rita" not in answer.text
    stages = found["onboarding_stage_seconds"]
    assert {s.labels["kind"] for s in stages.samples} == {"queue", "work", "wait"}
    assert {s.name for s in found["onboarding_returns"].samples} == {"onboarding_returns_total"}


def test_the_numbers_are_those_of_the_events(busy: Site) -> None:
    now = busy.tools.now()
    with busy.ledger.reading() as tx:
        requests = tx.requests()
        events = tx.events_of([r.id for r in requests])
    found = families(httpx.get(f"{busy.url}/metrics", timeout=60).text)
    leads = [(r.closed_at - r.requested_at).total_seconds() for r in requests if r.state == "published" and r.closed_at]
    lead = samples(found["onboarding_lead_time_seconds"])
    assert lead["onboarding_lead_time_seconds_count"] == len(leads) > 20
    assert lead["onboarding_lead_time_seconds_sum"] == pytest.approx(sum(leads), rel=1e-6)
    ended = [r for r in requests if r.state != "open"]
    for stage in ("admission", "land"):
        flows = [s for r in ended for s in request_flow(events[r.id], now).stages if s.stage == stage]
        parts = {k: samples(found["onboarding_stage_seconds"], stage=stage, kind=k) for k in ("queue", "work", "wait")}
        total = sum(p["onboarding_stage_seconds_sum"] for p in parts.values())
        assert total == pytest.approx(sum(f.elapsed for f in flows), rel=1e-6)
        assert parts["work"]["onboarding_stage_seconds_sum"] == pytest.approx(sum(f.work for f in flows), rel=1e-6)
        assert parts["queue"]["onboarding_stage_seconds_count"] == len(flows)
    wip = {s.labels["stage"]: s.value for s in found["onboarding_wip"].samples}
    open_ = [r for r in requests if r.state == "open"]
    flows = [request_flow(events[r.id], now, request=r) for r in open_]
    assert {stage: float(n) for stage, n in in_progress_by_stage(flows, now).items()} == wip
    assert any(wip.values())
    oldest = {s.labels["stage"]: s.value for s in found["onboarding_oldest_age_seconds"].samples}
    at = [s for r in open_ for s in Clock(events[r.id]).current()]
    assert all((oldest[stage] > 0) == (stage in at) for stage in Stage)
    returned = sum(e.event == "returned" and e.role is not None for own in events.values() for e in own)
    assert sum(s.value for s in found["onboarding_returns"].samples) == returned > 0


def test_counters_never_go_back_when_a_server_starts_anew(busy: Site) -> None:
    before = httpx.get(f"{busy.url}/metrics", timeout=60).text
    from sluice_airflow.web import flow

    flow._HELD.clear()
    after = httpx.get(f"{busy.url}/metrics", timeout=60).text

    def counted(text: str) -> dict[tuple[Any, ...], float]:
        return {
            (s.name, *sorted(s.labels.items())): s.value
            for f in families(text).values() for s in f.samples if s.name.endswith(("_sum", "_count", "_total"))
        }  # fmt: skip

    assert counted(before) == pytest.approx(counted(after))


def test_simulated_history_counts_nowhere(site: Site) -> None:
    load(site.ledger, list(histories(50, seed=3, origin=Origin.SIMULATED)))
    found = families(httpx.get(f"{site.url}/metrics", timeout=60).text)
    assert samples(found["onboarding_lead_time_seconds"])["onboarding_lead_time_seconds_count"] == 0
    assert sum(s.value for s in found["onboarding_wip"].samples) == 0
    returns = {(s.labels["stage"], s.labels["reason"]): s.value for s in found["onboarding_returns"].samples}
    assert returns["admission", "security"] == returns["publication", "business"] == sum(returns.values()) == 0


def test_a_scrape_needs_the_token_or_a_log_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import HTTPException

    from sluice_airflow.web.app import app

    def nobody() -> None:
        raise HTTPException(401, "Not authenticated")

    monkeypatch.setitem(app.dependency_overrides, access.readers, nobody)
    assert httpx.get(f"{site.url}/metrics").status_code == 401
    assert httpx.get(f"{site.url}/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
    tools = dataclasses.replace(
        site.tools, settings=dataclasses.replace(site.tools.settings, metrics_token="scrape-me")
    )
    access.tools.cache_clear()
    monkeypatch.setattr(access, "connect", lambda: tools)
    good = {"Authorization": "Bearer scrape-me"}
    assert httpx.get(f"{site.url}/metrics", headers=good).status_code == 200
    for path, headers in (
        ("/metrics", {"Authorization": "Bearer scrape-m"}), ("/metrics", {}), ("/requests", good), ("/policy", good),
        ("/requests/x/metrics", good), ("/metrics/", good),
    ):  # fmt: skip
        assert httpx.get(f"{site.url}{path}", headers=headers).status_code in (401, 303, 307, 404), path
    assert httpx.post(f"{site.url}/metrics", headers=good, json={}).status_code in (401, 405)
