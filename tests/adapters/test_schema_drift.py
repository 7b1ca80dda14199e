"""Drift of schema: every difference named and classed; additive changes come in, breaking ones wait for people."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from shop import FULL, Shop
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError, NotApprovedError
from sluice.ledger import RequestState
from sluice.running import incidents
from sluice.running.refreshes import Asked, Refresh
from sluice.stages import Stage
from sluice.stream.change import adopt
from sluice.stream.refreshing.run import run

ROWS = [f"{i},buyer{i},{i}.50" for i in range(1, 31)]


def made(tmp_path: Path, ledger_url: str, lake: str, policy: str = "") -> Shop:
    term = f", {{property: schemaDrift, value: {policy}}}" if policy else ""
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}", orders=FULL + term)
    shop.write("orders.csv", ["id,buyer,paid", *ROWS])
    shop.write("items.csv", ["order_id,article", "1,tea"])
    shop.publish()
    return shop


@pytest.fixture
def shop(tmp_path: Path, ledger_url: str, lake: str) -> Shop:
    return made(tmp_path, ledger_url, lake)


def refreshed(shop: Shop) -> Refresh:
    return run(shop.tools, shop.source, Asked(f"run-{secrets.token_hex(4)}", "olga"))


def found_in(shop: Shop, refresh: Refresh) -> Any:
    with shop.tools.ledger.reading() as tx:
        return tx.records(run=refresh.id, kinds=("drift.found",))[-1].content


def columns(shop: Shop) -> list[str]:
    return [f.name for f in shop.tools.tables().load_table(f"{shop.source}.orders").schema().fields]


def grown(shop: Shop) -> None:
    shop.write("orders.csv", ["id,buyer,paid,colour", *(f"{r},red" for r in ROWS)])


def test_a_new_column_comes_in_and_the_next_version_is_proposed_as_a_diff(shop: Shop) -> None:
    grown(shop)
    done = refreshed(shop)
    assert done.state == "published", done.reason
    assert columns(shop) == ["id", "buyer", "paid", "colour"]
    assert {r[3] for r in shop.rows()} == {"red"}
    found = found_in(shop, done)
    assert [(d["column"], d["what"], d["severity"]) for d in found["differences"]] == [("colour", "new", "additive")]
    assert (
        "-version: 1.0.0" in found["diff"]
        and "+version: 1.1.0" in found["diff"]
        and "+  - name: colour" in found["diff"]
    )
    assert [c.name for c in read_contract(found["proposed"]).table("orders").columns][-1] == "colour"
    (told,) = shop.messages("notify.incident.schema_grew")
    assert "colour" in told.payload["sentences"][0]
    grown_again = ["id,buyer,paid,colour", *(f"{r},blue" for r in ROWS)]
    shop.write("orders.csv", grown_again)
    again = refreshed(shop)
    assert again.state == "published" and {r[3] for r in shop.rows()} == {"blue"}
    with shop.tools.ledger.reading() as tx:
        assert not tx.records(run=again.id, kinds=("drift.found",)), "it is no news any more"


def test_a_lost_column_waits_for_people_on_the_diff_and_the_consumers(shop: Shop) -> None:
    before = shop.rows()
    shop.write("orders.csv", ["id,amount", *(f"{i},{i}.50" for i in range(1, 31))])
    done = refreshed(shop)
    assert done.state == "held", done.reason
    assert shop.rows() == before, "the last good data keeps serving"
    found = found_in(shop, done)
    assert {(d["column"], d["what"], d["severity"]) for d in found["differences"]} == {
        ("buyer", "lost", "breaking"), ("paid", "lost", "breaking"), ("amount", "new", "additive"),
    }  # fmt: skip
    tools = shop.tools
    with tools.ledger.reading() as tx:
        (change,) = [r for r in tx.requests(source=shop.source) if r.state is RequestState.OPEN]
        pack = next(a.content for a in tx.artifacts(change.id) if a.stage is Stage.PUBLICATION)
    assert change.contract_version == "2.0.0"
    assert pack["change"]["consumers"] == ["analyst"] and "-  - name: buyer" in pack["change"]["diff"]
    assert adopt(tools) == [] and refreshed(shop).state == "held", "asked once, whatever comes again"
    with tools.ledger.reading() as tx:
        assert len(tx.requests(source=shop.source)) == 2
    shop.sign(change, Stage.PUBLICATION)
    assert adopt(tools) == [change.id]
    assert columns(shop) == ["id", "amount"] and len(shop.rows()) == 30
    assert refreshed(shop).state == "unchanged"
    with tools.ledger.reading() as tx:
        assert tx.request(change.id).state is RequestState.PUBLISHED  # type: ignore[union-attr]
        assert incidents.open_incident_of(tx, shop.source) is None


def test_a_change_without_signatures_is_never_adopted(shop: Shop) -> None:
    shop.write("orders.csv", ["id,buyer", *(r.rsplit(",", 1)[0] for r in ROWS)])
    refreshed(shop)
    tools = shop.tools
    with tools.ledger.transaction() as tx:
        (change,) = [r for r in tx.requests(source=shop.source) if r.state is RequestState.OPEN]
        from sluice.onboarding import finish_stage

        finish_stage(tx, change, Stage.PUBLICATION, tools.now())  # somebody forges the stage, not the decisions
    with pytest.raises(NotApprovedError):
        adopt(tools)
    assert columns(shop) == ["id", "buyer", "paid"]


def test_values_of_another_type_are_a_breaking_change_of_that_column(shop: Shop) -> None:
    shop.write("orders.csv", ["id,buyer,paid", *(f"{i},buyer{i},paid in kind" for i in range(1, 31))])
    done = refreshed(shop)
    assert done.state == "held", done.reason
    (difference,) = [d for d in found_in(shop, done)["differences"] if d["severity"] != "compatible"]
    assert (difference["column"], difference["what"], difference["before"], difference["after"]) == (
        "paid",
        "type",
        "decimal(9,2)",
        "string",
    )


def test_another_order_and_spelling_are_compatible_and_come_in(shop: Shop) -> None:
    shop.write(
        "orders.csv",
        ["paid,id,buyer", *(",".join(r.split(",")[2:] + r.split(",")[:2]) for r in ROWS), "31.50,31,buyer31"],
    )
    done = refreshed(shop)
    assert done.state == "published" and len(shop.rows()) == 31
    found = found_in(shop, done)
    assert {d["severity"] for d in found["differences"]} == {"compatible"} and found["answer"] == "pass"
    assert {(d["column"], d["what"]) for d in found["differences"]} == {
        ("paid", "order"),
        ("id", "order"),
        ("buyer", "order"),
    }


def test_frozen_every_change_waits(tmp_path: Path, ledger_url: str, lake: str) -> None:
    shop = made(tmp_path, ledger_url, lake, "freeze")
    grown(shop)
    assert refreshed(shop).state == "held" and columns(shop) == ["id", "buyer", "paid"]


def test_a_delivery_can_be_set_aside_as_a_whole(tmp_path: Path, ledger_url: str, lake: str) -> None:
    shop = made(tmp_path, ledger_url, lake, "quarantineDelivery")
    grown(shop)
    done = refreshed(shop)
    assert done.state == "held" and "set aside" in done.reason
    with shop.tools.ledger.reading() as tx:
        assert len(tx.requests(source=shop.source)) == 1, "nobody is asked"
    refreshed(shop)
    assert len(shop.messages("notify.incident.schema_changed")) == 1, "told once"


def test_rows_of_another_type_can_be_set_aside_alone(tmp_path: Path, ledger_url: str, lake: str) -> None:
    shop = made(tmp_path, ledger_url, lake, "quarantineRows")
    shop.write("orders.csv", ["id,buyer,paid", *(f"{i},buyer{i},{'in kind' if i > 10 else i}" for i in range(1, 31))])
    done = refreshed(shop)
    assert done.state == "published", done.reason
    assert [r[0] for r in shop.rows()] == list(range(1, 11))


def test_a_new_column_of_personal_data_waits_for_people(shop: Shop) -> None:
    shop.write("orders.csv", ["id,buyer,paid,email", *(f"{r},person{i}@example.org" for i, r in enumerate(ROWS))])
    done = refreshed(shop)
    assert done.state == "held", done.reason
    (difference,) = found_in(shop, done)["differences"]
    assert difference["severity"] == "breaking" and "personal data" in difference["note"]


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ("{property: refresh, value: upsert}", "REFRESH_TERMS"), ("{property: refresh, value: {mode: merge, order: when}}", "REFRESH_TERMS"),
        ("{property: refresh, value: {mode: append, order: id}}", "REFRESH_TERMS"), ("{property: refresh, value: {moed: full}}", "REFRESH_TERMS"),
        ("{property: schemaDrift, value: evolving}", "SCHEMA_DRIFT"),
    ],
)  # fmt: skip
def test_terms_that_cannot_be_understood_are_named_with_their_line(tmp_path: Path, term: str, code: str) -> None:
    text = Shop(tmp_path, "", "s3://x", "shop", orders=term).text
    with pytest.raises(InvalidContractError) as caught:
        read_contract(text)
    assert caught.value.code == code and caught.value.findings[0].line and caught.value.findings[0].mend
