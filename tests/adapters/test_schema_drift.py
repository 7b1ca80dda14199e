"""Drift of schema: every difference named and classed; additive changes come in, breaking ones wait for people."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.lakes import dying
from shop import FULL, Shop
from sluice.approval import Choice, decide, gate_standing, require_approvals
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError, NotApprovedError, RefusedError
from sluice.ledger import Request, RequestState, Verdict
from sluice.onboarding import Ask
from sluice.running import incidents
from sluice.running.refreshes import Asked, Refresh
from sluice.stages import Stage
from sluice.stream.change import adopt
from sluice.stream.refreshing.run import run
from sluice.stream.request import open_for_run
from sluice.stream.restore import restore

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


def lost(shop: Shop, *names: str) -> Refresh:
    """A delivery without these columns."""
    kept = [n for n in ("id", "buyer", "paid") if n not in names]
    places = [("id", "buyer", "paid").index(n) for n in kept]
    shop.write("orders.csv", [",".join(kept), *(",".join(r.split(",")[i] for i in places) for r in ROWS)])
    return refreshed(shop)


def waiting(shop: Shop) -> list[Request]:
    with shop.tools.ledger.reading() as tx:
        return tx.requests(source=shop.source, state=RequestState.OPEN)


def test_people_are_asked_once_and_only_about_what_is_delivered_now(shop: Shop) -> None:
    tools = shop.tools
    lost(shop, "paid")
    (first,) = waiting(shop)
    assert "decide on" in lost(shop, "buyer").reason
    (second,) = waiting(shop)
    with tools.ledger.reading() as tx:
        overtaken = tx.request(first.id)
        standing = gate_standing(tx, second, Stage.PUBLICATION)
    assert overtaken is not None and overtaken.state is RequestState.CANCELLED and second.id in overtaken.state_reason
    no = Choice(second.id, Stage.PUBLICATION, "business", Verdict.REJECT, "bea", "we need it", standing.evidence_digest)
    with tools.ledger.transaction() as tx:
        decide(tx, tools.policy(), no, tools.now())
    assert "decided against" in lost(shop, "buyer").reason and not waiting(shop)
    lost(shop, "paid")
    (third,) = waiting(shop)
    shop.sign(third, Stage.PUBLICATION)
    shop.write("orders.csv", ["id,buyer,paid", *ROWS])
    assert refreshed(shop).state == "unchanged"
    assert adopt(tools) == [] and columns(shop) == ["id", "buyer", "paid"], "what they agreed to is delivered no more"


def test_who_asked_for_the_source_does_not_decide_on_its_change(shop: Shop) -> None:
    tools, policy = shop.tools, shop.tools.policy()
    role = replace(policy.roles["business"], members=("remy", "bea"))
    policy = replace(policy, roles={**policy.roles, "business": role})
    lost(shop, "paid")
    (change,) = waiting(shop)
    with tools.ledger.reading() as tx:
        seen = gate_standing(tx, change, Stage.PUBLICATION).evidence_digest
    yes = Choice(change.id, Stage.PUBLICATION, "business", Verdict.APPROVE, "remy", "", seen)
    with tools.ledger.transaction() as tx, pytest.raises(RefusedError, match="OWN_REQUEST"):
        decide(tx, policy, yes, tools.now())


def test_the_word_of_a_change_opens_no_admission_for_a_person(shop: Shop) -> None:
    """A record that says that a request changes a published source counts only where Sluice asked for it itself."""
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    tools = shop.tools
    asked = Ask("remy", use_case="pricing", base=str(shop.folder))
    request = open_for_run(tools, shop.contract, asked, run_id="run-forged", requested_at=tools.now())
    with tools.ledger.transaction() as tx:
        (before,) = tx.requests(source=shop.source, state=RequestState.PUBLISHED)
        tx.record(shop.source, request.id, "change.proposed", tools.now(), content={"before": before.id})
        with pytest.raises(NotApprovedError, match="admission"):
            require_approvals(tx, request)


def test_an_adopted_change_is_described_tagged_and_granted_even_when_killed_on_the_way(shop: Shop) -> None:
    shop.write("orders.csv", ["id,buyer,paid,email", *(f"{r},person{i}@example.org" for i, r in enumerate(ROWS))])
    refreshed(shop)
    (change,) = waiting(shop)
    shop.sign(change, Stage.PUBLICATION)
    adoption = "sluice.stream.change:adopt"
    assert dying.run(adoption, environment=shop.whole(), crash="adopt.committed:1")[0] == "died"
    assert dying.run(adoption, environment=shop.whole()) == ("done", [change.id])
    tools, orders = shop.tools, f"{shop.source}.orders"
    column = shop.tools.catalog.load(orders).properties["classification.column.email"]
    assert shop.tools.catalog.load(orders).properties["sluice.contract-version"] == "2.0.0"
    assert column != "public" and tools.access.tags(orders, ["id", "email"]) == {"id": "public", "email": column}
    assert sum(s.properties.get("sluice.request-id") == change.id for s in tools.catalog.snapshots(orders)) == 1
    assert [g.principal.rsplit("/", 1)[-1] for g in tools.access.granted(orders)] == ["analyst"]


def test_an_adopted_change_that_turns_out_bad_is_taken_back_with_its_columns(shop: Shop) -> None:
    def in_words(word: str) -> str:
        shop.write("orders.csv", ["id,buyer,paid", *(f"{i},buyer{i},{word}" for i in range(1, 31))])
        done = refreshed(shop)
        return done.reason or done.state

    before = shop.rows()
    assert "type decimal(9,2)" in in_words("in kind")
    (change,) = waiting(shop)
    shop.sign(change, Stage.PUBLICATION)
    assert adopt(shop.tools) == [change.id] and {r[2] for r in shop.rows()} == {"in kind"}
    restore(shop.tools, shop.source, actor="ann", reason="we cannot add up words")
    assert shop.rows() == before, "the column is a number again, and can be read"
    with shop.tools.ledger.transaction() as tx:
        incidents.close(tx, shop.source, "olga", "a test file was delivered", "", shop.now())
    assert in_words("on credit") == "published", "the contract in force says text"
    assert {r[2] for r in shop.rows()} == {"on credit"}


def test_a_change_that_must_wait_keeps_no_other_from_being_adopted(
    tmp_path: Path, ledger_url: str, lake: str, shop: Shop
) -> None:
    other = made(tmp_path / "other", ledger_url, lake)
    for one in sorted((shop, other), key=lambda s: s.source):
        lost(one, "paid")
        shop.sign(waiting(one)[0], Stage.PUBLICATION)
    first, second = sorted((shop, other), key=lambda s: s.source)
    restore(first.tools, first.source, actor="ann", reason="bad")
    with pytest.raises(RefusedError, match="INCIDENT_OPEN"):
        adopt(first.tools)
    assert columns(first) == ["id", "buyer", "paid"] and columns(second) == ["id", "buyer"]


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
