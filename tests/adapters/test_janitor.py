"""The janitor takes what was abandoned, and nothing else; on a real moto server and a real ledger."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sluice.adapters.ledger import PostgresLedger
from sluice.adapters.stores import s3
from sluice.adapters.stores.s3 import S3Store
from sluice.catalog import Marks, Publication
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.lake import Layout, Manifest
from sluice.ledger import Artifact, RequestState
from sluice.onboarding import Ask, open_request
from sluice.policy import load_policy
from sluice.registration import table_request
from sluice.settings import Settings
from sluice.stages import Event, Stage
from sluice.stream.janitor import clean, find_litter
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Offer, Replays, fate_in
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
    properties:
      - {name: id, logicalType: integer, classification: public}
"""
LATER = datetime(2027, 6, 1, tzinfo=UTC)
AGE = timedelta(days=7)


@pytest.fixture
def contract() -> Contract:
    return read_contract(CONTRACT)


@pytest.fixture
def tools(services: Settings, lake: str, ledger_url: str) -> Tools:
    return Tools(services, PostgresLedger(ledger_url), S3Store(), Layout(f"{lake}/in_it"), lambda: LATER)


def landed(tools: Tools, contract: Contract, folder: Path, content: str = "id\n1\nx\n") -> Manifest:
    (folder / "orders.csv").write_text(content)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    replays = Replays(tools.store, tools.layout, "some-load", lambda *_: Fate.OPEN, lambda: LATER)
    return land_table(contract, contract.tables[0], str(folder), tools.settings, origin=tools.store, store=tools.store,
                      layout=tools.layout, scratch=scratch, replays=replays)  # fmt: skip


def request_for(tools: Tools, contract: Contract, manifest: Manifest | None, *, landing: bool = False) -> str:
    """An open request; with its landing done, and `manifest` on record, unless it is landing still."""
    with tools.ledger.transaction() as tx:
        request = open_request(tx, contract, Ask("remy"), load_policy(tools.settings.policy), run_id=f"run-{contract.digest[:6]}",
                               requested_at=LATER, started_at=LATER, now=LATER)  # fmt: skip
        if manifest is not None:
            tx.add_artifact(request.id, Artifact(Stage.LAND, "orders", "d", manifest.to_dict()), LATER)
        if not landing:
            for stage in (Stage.ADMISSION, Stage.LAND):
                tx.append(request.id, stage, 1, Event.STARTED, LATER)
                tx.append(request.id, stage, 1, Event.COMPLETED, LATER)
    return request.id


def everything(tools: Tools) -> set[str]:
    return {o.uri for o in tools.store.list(f"{tools.layout.root}/")}


def test_what_nobody_refers_to_goes_and_the_landed_source_stays(
    tools: Tools, contract: Contract, tmp_path: Path
) -> None:
    manifest = landed(tools, contract, tmp_path)
    before = everything(tools)
    assert find_litter(tools, timedelta(days=400)).attempts == (), "it is not old enough"
    litter = find_litter(tools, AGE)
    assert [a.attempt for a in litter.attempts] == [manifest.attempt]
    assert everything(tools) == before, "looking removes nothing"
    clean(tools, litter)
    clean(tools, litter)
    assert everything(tools) == {manifest.sources[0].landing_uri}
    assert find_litter(tools, AGE).attempts == ()


def test_what_a_request_refers_to_stays_whatever_became_of_it(tools: Tools, contract: Contract, tmp_path: Path) -> None:
    superseded, newest = landed(tools, contract, tmp_path), landed(tools, contract, tmp_path)
    identity = request_for(tools, contract, newest)
    assert [a.attempt for a in find_litter(tools, AGE).attempts] == [superseded.attempt]
    with tools.ledger.transaction() as tx:
        tx.close_request(identity, RequestState.REJECTED, "no", LATER)
    assert [a.attempt for a in find_litter(tools, AGE).attempts] == [superseded.attempt], "a draft is kept"


def test_a_landing_that_runs_is_left_alone(tools: Tools, contract: Contract, tmp_path: Path) -> None:
    landed(tools, contract, tmp_path)
    begin_upload(tools, f"landing/{contract.id}/orders/x")
    request_for(tools, contract, None, landing=True)
    litter = find_litter(tools, timedelta(0))
    assert (litter.attempts, litter.uploads) == ((), ())


def test_what_a_snapshot_refers_to_stays_even_when_the_ledger_forgot(
    tools: Tools, contract: Contract, tmp_path: Path
) -> None:
    old, new = landed(tools, contract, tmp_path), landed(tools, contract, tmp_path)
    catalog = tools.catalog
    location = tools.layout.table("shop", "orders")
    entry = catalog.register(table_request(contract, contract.tables[0], location))
    try:
        for n, manifest in enumerate((old, new)):
            ready = catalog.prepare(entry.identifier, manifest.staged, Marks(f"onb-{n}", "d" * 64))
            assert not isinstance(ready, Publication)
            catalog.commit(ready)
        assert find_litter(tools, AGE).attempts == (), "an older snapshot may be restored"
        metadata = catalog.load(entry.identifier).metadata_location
        tools.store.delete(metadata)
        stray = landed(tools, contract, tmp_path)
        litter = find_litter(tools, AGE)
        assert (litter.attempts, set(litter.spared)) == ((), {"shop.orders"}), "what cannot be known is spared"
        assert stray.attempt
    finally:
        import boto3

        boto3.client("glue").delete_table(DatabaseName="shop", Name="orders")


def test_the_command_says_what_would_go_and_then_takes_it(
    tools: Tools, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger_url: str
) -> None:
    from click.testing import CliRunner

    from sluice.cli.janitor import janitor

    manifest = landed(tools, contract, tmp_path)
    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    monkeypatch.setenv("SLUICE_LAKE", tools.layout.root)
    run = CliRunner().invoke
    assert "0 abandoned" in run(janitor, ["--older-than", "1h"], catch_exceptions=False).output
    told = json.loads(run(janitor, ["--older-than", "0s", "--dry-run", "--json"], catch_exceptions=False).output)
    assert ([a["attempt"] for a in told["attempts"]], told["removed"]) == ([manifest.attempt], False)
    assert "1 abandoned" in run(janitor, ["--older-than", "0s"], catch_exceptions=False).output
    assert everything(tools) == {manifest.sources[0].landing_uri}
    assert run(janitor, ["--older-than", "soon"]).exit_code == 2


def test_the_quarantine_of_the_lake_is_shown_by_source_and_by_request(
    tools: Tools, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger_url: str
) -> None:
    from click.testing import CliRunner

    from sluice.cli.quarantine import quarantine

    identity = request_for(tools, contract, landed(tools, contract, tmp_path))
    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    monkeypatch.setenv("SLUICE_LAKE", tools.layout.root)
    for name in (identity, "shop"):
        done = CliRunner().invoke(quarantine, ["list", name, "--json"], catch_exceptions=False)
        ((found,),) = [s["tables"] for s in json.loads(done.output)]
        assert (found["rows"], found["reasons"][0]["reason_code"], found["landed"]) == (1, "CAST", True)
    shown = CliRunner().invoke(quarantine, ["show", "orders", "--raw", "--json"], catch_exceptions=False)
    assert json.loads(shown.output)[0]["raw"] == "x"
    from sluice.errors import UsageError

    with pytest.raises(UsageError, match="NO_SOURCE"):
        CliRunner().invoke(quarantine, ["list", "nobody"], catch_exceptions=False)


def test_the_ledger_tells_how_it_went_with_a_load(tools: Tools, contract: Contract, tmp_path: Path) -> None:
    from sluice.lake import REPLAY, Mark, SourceFile

    offer = Offer("shop", "orders", "d1", "f", 1, 1, "0" * 64, "csv", {}, "olga", "")
    fate = fate_in(tools.ledger, tools.layout)
    assert fate("nobody-knows", offer) is Fate.PUBLISHED, "better missing rows than rows twice"
    manifest = landed(tools, contract, tmp_path)
    uri = tools.layout.replay("shop", "orders", "d1", "rows")
    mark = Mark(1, "", "")
    inside = replace(manifest, sources=(SourceFile("f", 1, "0" * 64, uri, REPLAY, mark, mark),))
    identity = request_for(tools, contract, inside)
    assert fate(identity, offer) is Fate.OPEN
    with tools.ledger.transaction() as tx:
        tx.close_request(identity, RequestState.PUBLISHED, "", LATER)
    assert fate(identity, offer) is Fate.PUBLISHED
    assert fate(identity, replace(offer, digest="d2")) is Fate.OVER, "it was published without these"
    with tools.ledger.transaction() as tx:
        tx.close_request(identity, RequestState.LOST, "", LATER)
    assert fate(identity, offer) is Fate.OVER


def begin_upload(tools: Tools, key: str) -> None:
    bucket, prefix = s3.split(tools.layout.root)
    begun = s3._client().create_multipart_upload(Bucket=bucket, Key=f"{prefix}/{key}")
    s3._client().upload_part(Bucket=bucket, Key=f"{prefix}/{key}", UploadId=begun["UploadId"], PartNumber=1, Body=b"x")


def test_unfinished_uploads_are_ended(tools: Tools) -> None:
    begin_upload(tools, "landing/shop/orders/x")
    litter = find_litter(tools, AGE)
    assert len(litter.uploads) == 1
    clean(tools, litter)
    assert list(tools.store.uploads(f"{tools.layout.root}/")) == []


KILLED = """
import sys
from pathlib import Path
from dataclasses import replace
from datetime import UTC, datetime
from sluice.adapters.stores import s3
from sluice.contract.reading import read_contract
from sluice.lake import Layout
from sluice.settings import load
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Replays

contract, root, folder = read_contract(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
seen = []
def tell(**_):
    seen.append(1)
    if len(seen) == 2:
        print("uploading", flush=True)
        import time; time.sleep(600)
s3.PART = 5 << 20
s3._writing_once().meta.events.register("before-send.s3.UploadPart", tell)
store, layout = s3.S3Store(), Layout(root)
land_table(contract, contract.tables[0], str(folder), load({"SLUICE_HOME": str(folder)}), origin=store, store=store,
           layout=layout, scratch=folder / "scratch",
           replays=Replays(store, layout, "killed", lambda *_: Fate.OPEN, lambda: datetime.now(UTC)))
"""


def test_a_landing_killed_in_the_middle_leaves_nothing_that_the_janitor_does_not_find(
    tools: Tools, contract: Contract, tmp_path: Path
) -> None:
    (tmp_path / "orders.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(3_000_000)))
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen([sys.executable, "-c", KILLED, CONTRACT, tools.layout.root, str(tmp_path)],
                               stdout=subprocess.PIPE, text=True, env=dict(os.environ))  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "uploading\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(tools.store.uploads(f"{tools.layout.root}/"))) == 1
    assert not any("/manifests/" in uri for uri in everything(tools))
    clean(tools, find_litter(tools, AGE))
    assert list(tools.store.uploads(f"{tools.layout.root}/")) == []
    assert find_litter(tools, AGE) == find_litter(tools, AGE)
    manifest = landed(tools, contract, tmp_path)
    assert manifest.rows_staged == 1, "and it can be landed again"
