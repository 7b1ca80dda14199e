"""Drift as people meet it: `sluice try --since`, and a second request for a source that was published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from command_line import sluice, strict
from sluice.adapters.ledger import PostgresLedger
from sluice.adapters.stores.local import FileStore
from sluice.contract.model import digest_of
from sluice.contract.reading import read_contract
from sluice.errors import BadInputError, ChecksFailedError
from sluice.lake import Layout
from sluice.ledger import Request, RequestState
from sluice.onboarding import Ask, begin, complete, open_request
from sluice.settings import load
from sluice.stages import Stage
from sluice.stream.earlier import read_evidence
from sluice.stream.gate import assemble
from sluice.stream.land import land
from sluice.stream.profile import profile
from sluice.stream.tools import Tools

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: csv}]
schema:
  - name: orders
    customProperties: [{property: drift, value: {severity: SEVERITY}}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: public}
      - {name: paid, logicalType: number, classification: public}
      - {name: salary, logicalType: number, classification: confidential}
"""


def deliver(folder: Path, rows: int, factor: int = 1) -> None:
    lines = (f"{i},{factor * (i % 100) + 0.5},{factor * 31_337}" for i in range(rows))
    (folder / "orders.csv").write_text("id,paid,salary\n" + "\n".join(lines) + "\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.odcs.yaml").write_text(CONTRACT.replace("SEVERITY", "warning"))
    deliver(tmp_path, 2000)
    return tmp_path


def tried(shop: Path, *more: object) -> Any:
    return sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", *more, home=shop)


def evidence_of(shop: Path) -> Any:
    return strict((shop / "out" / "shop" / "evidence.json").read_text())


def test_a_trial_is_compared_with_the_one_before_it_replaces(shop: Path) -> None:
    assert tried(shop).returncode == 0
    first = evidence_of(shop)
    assert first["tables"][0]["drift"] is None
    deliver(shop, 800, factor=50)
    done = tried(shop, "--since", shop / "out" / "shop" / "evidence.json")
    assert done.returncode == 0, done.stderr
    drift = evidence_of(shop)["tables"][0]["drift"]
    assert drift["since"] == first["evidence_digest"]
    assert {(f["column"], f["measure"]) for f in drift["findings"] if f["exceeded"]} == {
        (None, "volume"), ("paid", "psi"), ("paid", "ks"), ("paid", "range")
    }  # fmt: skip
    assert "orders: rows 2,000 → 800" in done.stdout
    assert "4 measures drifted" in done.stdout
    page = (shop / "out" / "shop" / "report.html").read_text()
    assert "4 of 10 measures" in page and "Kolmogorov-Smirnov" in page
    assert "31337" not in page + done.stdout + str(drift) and "1566850" not in page + done.stdout + str(drift)


def test_the_same_data_has_not_drifted(shop: Path) -> None:
    tried(shop)
    done = tried(shop, "--since", shop / "out" / "shop" / "evidence.json")
    assert "none of 10 measures" in done.stdout
    assert all(f["score"] == 0 for f in evidence_of(shop)["tables"][0]["drift"]["findings"])


def test_drift_stops_where_the_contract_says_so(shop: Path) -> None:
    tried(shop)
    deliver(shop, 100)
    (shop / "shop.odcs.yaml").write_text(CONTRACT.replace("SEVERITY", "error"))
    done = tried(shop, "--since", shop / "out" / "shop" / "evidence.json")
    assert done.returncode == 1
    assert "1 measure drifted too far" in done.stdout
    assert evidence_of(shop)["quality"]["success"] is False


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"source": "shop"}', '{"a": NaN}', "[" * 10_000,
                                     '{"source": "shop", "evidence_digest": "", "tables": [{"name": "t"}]}'])  # fmt: skip
def test_what_is_no_evidence_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(BadInputError) as caught:
        read_evidence(tmp_path / "e.json")
    assert caught.value.code == "NOT_EVIDENCE" and caught.value.mend


def test_evidence_that_is_not_there_or_of_another_source(shop: Path) -> None:
    done = tried(shop, "--since", shop / "nowhere.json")
    assert done.returncode == 2 and "NOT_EVIDENCE" in done.stderr and not (shop / "out").exists()
    (shop / "e.json").write_text('{"source": "bank", "evidence_digest": "x", "tables": []}')
    done = tried(shop, "--since", shop / "e.json")
    assert done.returncode == 0 and "'bank'" in done.stderr


@pytest.fixture
def tools(ledger_url: str, tmp_path: Path) -> Iterator[Tools]:
    clock = iter(datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=i) for i in range(10_000))
    settings = load({"SLUICE_HOME": str(tmp_path / "home")})
    lake = Layout((tmp_path / "lake").as_uri())
    yield Tools(settings, PostgresLedger(ledger_url), FileStore(), lake, lambda: next(clock))


def landed(tools: Tools, shop: Path, run: str, text: str) -> Request:
    """A request whose orders have landed, its admission waved through."""
    contract = read_contract(text)
    with tools.ledger.transaction() as tx:
        request = open_request(tx, contract, Ask("remy", base=str(shop)), tools.policy(), run_id=run,
                               requested_at=tools.now(), started_at=tools.now(), now=tools.now())  # fmt: skip
        begin(tx, request.id, Stage.ADMISSION, tools.now())
        complete(tx, request, Stage.ADMISSION, tools.now())
    land(tools, request.id, "orders")
    return request


def published(tools: Tools, request: Request) -> None:
    with tools.ledger.transaction() as tx:
        tx.close_request(request.id, RequestState.PUBLISHED, "", tools.now())


def drift_in(tools: Tools, request: Request) -> Any:
    with tools.ledger.reading() as tx:
        (found,) = (a for a in tx.artifacts(request.id) if a.stage is Stage.PROFILE)
    assert found.digest == digest_of(found.content)
    return found.content["drift"]


def test_the_stream_compares_with_what_was_published_last(tools: Tools, shop: Path) -> None:
    text = CONTRACT.replace("SEVERITY", "warning")
    first = landed(tools, shop, "run-1", text)
    assert profile(tools, first.id, "orders") == 3
    assert drift_in(tools, first) is None
    deliver(shop, 700)
    open_one = landed(tools, shop, "run-2", text.replace("1.0.0", "1.0.1"))
    profile(tools, open_one.id, "orders")
    assert drift_in(tools, open_one) is None, "the first was not published yet"
    published(tools, first)
    profile(tools, open_one.id, "orders")
    drift = drift_in(tools, open_one)
    assert (drift["since"], drift["exceeded"], drift["stops"]) == (first.id, 1, False)
    published(tools, open_one)
    third = landed(tools, shop, "run-3", text.replace("1.0.0", "1.0.2"))
    profile(tools, third.id, "orders")
    assert (drift_in(tools, third)["since"], drift_in(tools, third)["exceeded"]) == (open_one.id, 0)
    with tools.ledger.reading() as tx:
        packs = [assemble(tx, third, Stage.PUBLICATION) for _ in range(2)]
    assert packs[0] == packs[1] and packs[0]["tables"][0]["drift"] == drift_in(tools, third)


def test_drift_of_severity_error_stops_with_its_profile_on_record(tools: Tools, shop: Path) -> None:
    first = landed(tools, shop, "run-1", CONTRACT.replace("SEVERITY", "warning"))
    profile(tools, first.id, "orders")
    published(tools, first)
    deliver(shop, 700)
    second = landed(tools, shop, "run-2", CONTRACT.replace("SEVERITY", "error"))
    with pytest.raises(ChecksFailedError, match="rows 2,000 → 700") as caught:
        profile(tools, second.id, "orders")
    assert caught.value.code == "DRIFT" and first.id in caught.value.message and caught.value.mend
    assert drift_in(tools, second)["stops"]
    with tools.ledger.reading() as tx, pytest.raises(ChecksFailedError, match="rows 2,000"):
        assemble(tx, second, Stage.PUBLICATION)
