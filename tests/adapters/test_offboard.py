"""The end of a source: two people, every step on record, nothing half done, and proof of what was destroyed."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.lakes import dying
from shop import Shop
from sluice.crashing import POINTS
from sluice.errors import RefusedError, TerminalError
from sluice.ledger import RequestState
from sluice.running import offboarding
from sluice.running.offboarding import Offboarding
from sluice.running.refreshes import Asked
from sluice.stream.offboard import FOLDERS, ask, carry_out, destroy_due, offboard
from sluice.stream.refreshing.run import run
from sluice.stream.restore import restore

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def shop(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "not money")])
    shop.publish()
    return shop


def agreed(shop: Shop, *, destroy: bool = False, by: str = "gus") -> Offboarding:
    tools = shop.tools
    ask(tools, shop.source, "olga", "nobody needs it", destroy=destroy)
    with tools.ledger.transaction() as tx:
        return offboarding.decide(tx, tools.policy(), shop.source, by, True, "", tools.now())


def lying(shop: Shop) -> list[str]:
    tools = shop.tools
    return [o.uri for f in FOLDERS for o in tools.store.list(f"{tools.layout.root}/{f}/{shop.source}/")]


def test_data_goes_with_proof_where_nothing_keeps_it(shop: Shop) -> None:
    tools, before = shop.tools, lying(shop)
    assert len(before) > 5
    agreed(shop, destroy=True)
    done = offboard(tools, shop.source)
    assert done.state == "done" and done.data["fate"] == "destroyed" and lying(shop) == []
    proof = json.loads(tools.store.read(done.data["proof"]))
    assert {o["uri"] for o in proof["objects"]} == set(before) and proof["verified_gone"] == len(before)
    assert all(len(o["sha256"]) == 64 for o in proof["objects"]) and (proof["asked_by"], proof["agreed_by"]) == (
        "olga",
        "gus",
    )
    assert tools.catalog.entry(f"{shop.source}.orders") is None
    assert [r.kind.partition(".")[2] for r in done.records if r.kind != "offboard.located"] == [
        "requested", "approved", "told", "revoked", "unpublished", "listed", "destroyed", "completed",
    ]  # fmt: skip
    (told,) = shop.messages("notify.incident.offboarded")
    assert told.payload["channels"][0]["channel"] == "shop-data" and "nobody needs it" in told.payload["sentences"][0]
    with tools.ledger.reading() as tx:
        assert {r.state for r in tx.requests(source=shop.source)} == {RequestState.OFFBOARDED}
    for what in (
        lambda: run(tools, shop.source, Asked("x", "olga")),
        lambda: restore(tools, shop.source, actor="a", reason="b"),
    ):
        with pytest.raises(TerminalError, match="OFFBOARDED"):
            what()


def test_one_person_alone_ends_nothing(shop: Shop) -> None:
    tools = shop.tools
    ask(tools, shop.source, "gus", "nobody needs it")
    with pytest.raises(RefusedError, match="NOT_AGREED"):
        offboard(tools, shop.source)
    for person, code in (("gus", "OWN_REQUEST"), ("mallory", "NOT_YOUR_ROLE"), ("carl", "NOT_YOUR_ROLE")):
        with tools.ledger.transaction() as tx, pytest.raises(RefusedError, match=code):
            offboarding.decide(tx, tools.policy(), shop.source, person, True, "", tools.now())
    with tools.ledger.transaction() as tx, pytest.raises(RefusedError, match="COMMENT_NEEDED"):
        offboarding.decide(tx, tools.policy(), shop.source, "bea", False, "", tools.now())
    with tools.ledger.transaction() as tx:
        refused = offboarding.decide(tx, tools.policy(), shop.source, "bea", False, "we still use it", tools.now())
    assert refused.state == "rejected" and len(shop.rows()) == 1
    with pytest.raises(TerminalError, match="NOTHING_ASKED"):
        offboard(tools, shop.source)


def test_a_forged_agreement_is_not_enough(shop: Shop) -> None:
    tools = shop.tools
    going = ask(tools, shop.source, "olga", "nobody needs it")
    with tools.ledger.transaction() as tx:
        tx.record(
            shop.source,
            going.id,
            offboarding.APPROVED,
            tools.now(),
            actor="olga",
            content={"role": "governance", "comment": ""},
        )
    with pytest.raises(RefusedError, match="NOT_AGREED"):
        offboard(tools, shop.source)
    assert shop.rows()


def test_a_legal_hold_keeps_the_data_whatever_was_asked(shop: Shop) -> None:
    tools = shop.tools
    with tools.ledger.transaction() as tx:
        offboarding.place_hold(tx, shop.source, "carl", "case 4711", tools.now())
    before = lying(shop)
    agreed(shop, destroy=True)
    done = offboard(tools, shop.source)
    assert done.data["fate"] == "kept" and "case 4711" in done.data["reason"] and set(lying(shop)) == set(before)
    assert tools.catalog.entry(f"{shop.source}.orders") is None, "unpublished all the same"
    located = [r.content["metadata"] for r in done.records if r.kind == "offboard.located"]
    assert len(located) == 2 and all(tools.store.head(uri) for uri in located), "it can be registered again"


def test_retention_keeps_the_data_until_its_time_and_then_it_goes(ledger_url: str, lake: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.text = shop.text.replace("slaProperties:", "slaProperties:\n  - {property: retention, value: 30, unit: d}")
    shop.deliver([(1, "ann", "1.00")])
    shop.publish()
    agreed(shop, destroy=True)
    done = offboard(shop.tools, shop.source)
    assert done.data["fate"] == "kept" and done.data["until"] and lying(shop)
    shop.later(days=10)
    assert destroy_due(shop.tools) == [] and lying(shop)
    with shop.tools.ledger.transaction() as tx:
        offboarding.place_hold(tx, shop.source, "carl", "case", shop.now())
    shop.later(days=30)
    assert destroy_due(shop.tools) == []
    with shop.tools.ledger.transaction() as tx:
        offboarding.lift_hold(tx, shop.source, "carl", "settled", shop.now())
    assert destroy_due(shop.tools) == [shop.source] and lying(shop) == [] and destroy_due(shop.tools) == []


def test_a_source_that_lives_again_keeps_its_data(ledger_url: str, lake: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.text = shop.text.replace("slaProperties:", "slaProperties:\n  - {property: retention, value: 30, unit: d}")
    shop.deliver([(1, "ann", "1.00")])
    shop.publish()
    agreed(shop)
    offboard(shop.tools, shop.source)
    shop.text = shop.text.replace("version: 1.0.0", "version: 2.0.0")
    shop.publish()
    shop.later(days=60)
    assert destroy_due(shop.tools) == [] and len(shop.rows()) == 1


def test_retention_counts_from_the_last_publication_not_from_the_first(
    ledger_url: str, lake: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.text = shop.text.replace("slaProperties:", "slaProperties:\n  - {property: retention, value: 30, unit: d}")
    shop.deliver([(1, "ann", "1.00")])
    shop.publish()
    shop.later(days=40)
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    assert run(shop.tools, shop.source, Asked("x", "olga")).state == "published"
    agreed(shop, destroy=True)
    done = offboard(shop.tools, shop.source)
    assert done.data["fate"] == "kept" and lying(shop), "yesterday's rows are a day old"


def test_whatever_was_ever_published_goes_and_whoever_waits_is_told(shop: Shop) -> None:
    everything = shop.text.replace("version: 1.0.0", "version: 3.0.0")
    shop.text = shop.text[: shop.text.index("  - name: items")].replace("version: 1.0.0", "version: 2.0.0")
    shop.publish()
    shop.text = everything
    waiting = shop.approved()
    tools = shop.tools
    agreed(shop)
    with pytest.raises(TerminalError, match="OFFBOARDING"):
        shop.approved()
    offboard(tools, shop.source)
    assert tools.catalog.entry(f"{shop.source}.items") is None, "a table that the newest contract leaves out"
    with tools.ledger.reading() as tx:
        assert tx.request(waiting.id).state is RequestState.CANCELLED  # type: ignore[union-attr]
    with pytest.raises(TerminalError, match="REQUEST_CLOSED"):
        shop.publish(waiting)


def test_a_table_that_is_somebody_elses_by_now_stays(shop: Shop) -> None:
    from pyiceberg.schema import Schema
    from pyiceberg.types import LongType, NestedField

    tools = shop.tools
    theirs = f"{shop.source}.items"
    tools.catalog.drop(theirs)
    tools.tables().create_table(
        theirs, Schema(NestedField(1, "x", LongType())), location=f"{tools.layout.root}/warehouse/theirs"
    )
    agreed(shop)
    done = offboard(tools, shop.source)
    assert done.state == "done" and tools.catalog.entry(theirs) is not None
    unpublished = next(r for r in done.records if r.kind == offboarding.UNPUBLISHED)
    assert "somebody else" in unpublished.content["tables"]["items"]["left"]


def test_what_arrives_while_it_is_destroyed_is_listed_and_destroyed_as_well(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, late = shop.tools, f"{shop.tools.layout.root}/landing/{shop.source}/late.csv"
    agreed(shop, destroy=True)
    delete = type(tools.store).delete
    came: list[str] = []

    def and_one_comes(store: Any, uri: str) -> None:  # a landing that had begun before
        delete(store, uri)
        if not came:
            came.append(late)
            tools.store.write(late, b"late", content_type="text/csv")

    monkeypatch.setattr(type(tools.store), "delete", and_one_comes)
    done = offboard(tools, shop.source)
    assert done.data["fate"] == "destroyed" and lying(shop) == []
    assert late in {o["uri"] for o in json.loads(tools.store.read(done.data["proof"]))["objects"]}


def test_what_was_agreed_is_carried_out_and_what_the_lake_has_lost_ends_too(shop: Shop) -> None:
    agreed(shop)
    tools = shop.tools
    with tools.ledger.transaction() as tx:
        (request,) = tx.requests(source=shop.source)
        tx.close_request(request.id, RequestState.LOST, "the embedded lake forgot it", tools.now())
    assert carry_out(tools) == [shop.source] and carry_out(tools) == []
    with tools.ledger.reading() as tx:
        assert offboarding.offboardings(tx, shop.source)[-1].state == "done"


def test_a_hold_that_comes_while_it_is_destroyed_stops_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.stream.offboard.HOLD_EVERY", 2)
    tools = shop.tools
    agreed(shop, destroy=True)
    delete = type(tools.store).delete

    def and_held(store: Any, uri: str) -> None:
        delete(store, uri)
        with tools.ledger.transaction() as tx:
            offboarding.place_hold(tx, shop.source, "carl", "case 4712", tools.now())

    monkeypatch.setattr(type(tools.store), "delete", and_held)
    before = len(lying(shop))
    with pytest.raises(TerminalError, match="case 4712"):
        offboard(tools, shop.source)
    assert len(lying(shop)) == before - 1


def cli(shop: Shop, *arguments: object, crash: str = "", user: str = "olga") -> subprocess.CompletedProcess[str]:
    environment = os.environ | shop.environment | {
        "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}", "SLUICE_CRASH_AT": crash, "SLUICE_USER": user,
    }  # fmt: skip
    program = "from sluice.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "point", [f"{p}{':3' if p == 'offboard.deleting' else ''}" for p in POINTS if p.startswith("offboard.")]
)
def test_killed_at_any_step_it_goes_on(shop: Shop, point: str) -> None:
    before = set(lying(shop))
    going = agreed(shop, destroy=True)
    step, environment = "sluice.stream.offboard:offboard", shop.whole()
    assert dying.run(step, shop.source, environment=environment, crash=point) == ("died", None)
    with pytest.raises(TerminalError, match="OFFBOARDING"):
        run(shop.tools, shop.source, Asked("x", "olga"))
    answer, done = dying.run(step, shop.source, environment=environment)
    assert answer == "done" and done.state == "done" and done.id == going.id and lying(shop) == []
    proof = json.loads(shop.tools.store.read(done.data["proof"]))
    assert {o["uri"] for o in proof["objects"]} == before
    assert len(shop.messages("notify.incident.offboarded")) == 1
    steps = [r.kind for r in done.records if r.kind != "offboard.located"]
    assert len(steps) == len(set(steps))


def test_the_command_line_needs_two_people_and_says_what_is_missing(shop: Shop) -> None:
    assert cli(shop, "offboard", shop.source).returncode == 2
    asked = cli(shop, "offboard", shop.source, "--reason", "old")
    assert asked.returncode == 0 and "--approve" in asked.stdout
    own = cli(shop, "offboard", shop.source, "--approve")
    assert own.returncode == 1 and "OWN_REQUEST" in own.stderr
    assert cli(shop, "hold", shop.source, "--reason", "case 1").returncode == 0
    done = cli(shop, "offboard", shop.source, "--approve", user="bea")
    assert done.returncode == 0 and "legal hold" in done.stdout, done.stderr
    assert cli(shop, "hold", shop.source, "--lift").returncode == 0
    assert cli(shop, "offboard", "nobody_knows", "--reason", "x").returncode == 1
