"""Access as the contract declares it: tagged, granted, verified, expired, and where it drifts, shown and mended."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from adapters.lakes.rooms import Lake
from shop import Shop
from sluice.access import READ, Drift, Grant
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError, NotApprovedError
from sluice.registration import table_request
from sluice.stream.access import grant_access, repair, review_access, revoke_access

ANALYST = "arn:aws:iam::123456789012:role/analyst"


@pytest.fixture
def shop(room: Lake, ledger_url: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, room.uri, f"shop_{secrets.token_hex(4)}")
    if room.catalog.kind == "sql":
        shop.environment["SLUICE_CATALOG_URL"] = room.settings.catalog
    shop.text = shop.text.replace(
        "roles: [{role: analyst, access: read}]",
        "roles:\n"
        "  - {role: analyst, access: read, customProperties: [{property: upTo, value: internal}]}\n"
        "  - {role: auditor, access: read, customProperties: [{property: expiresAfter, value: 30d}, {property: tables, value: [orders]}]}\n"
        "  - {role: loader, access: write, customProperties: [{property: expires, value: 2090-01-01}]}",
    )
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    return shop


def foreign(shop: Shop, principal: str, table: str = "orders", permission: str = "SELECT") -> None:
    boto3.client("lakeformation").grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource={"Table": {"DatabaseName": shop.source, "Name": table}},
        Permissions=[permission],  # type: ignore[list-item]
    )


def test_access_follows_the_contract_and_its_time(shop: Shop, room: Lake) -> None:
    request = shop.approved()
    with pytest.raises(NotApprovedError):
        grant_access(shop.tools, request.id)
    shop.publish(request)
    tools = shop.tools
    grant_access(tools, request.id)
    review = review_access(tools, shop.source)
    assert review.differences == ()
    assert {w.role for w in review.wanted} == {"analyst", "auditor", "loader"}
    if not room.access.enforced:
        assert "folder" in review.note, "a lake of files says plainly that it knows no grants"
        assert review.granted == ()
        return
    orders = f"{shop.source}.orders"
    assert Grant(ANALYST, orders, ("SELECT",), ("id", "paid")) in review.granted, "not what is confidential"
    assert grant_access(tools, request.id) == 0, "doing it again changes nothing"

    shop.later(days=31)
    late = review_access(shop.tools, shop.source)
    assert {(d.drift, d.grant.principal.rsplit("/")[-1]) for d in late.differences} == {(Drift.EXPIRED, "auditor")}
    boto3.client("lakeformation").revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/loader"},
        Resource={"Table": {"DatabaseName": shop.source, "Name": "items"}},
        Permissions=["DELETE", "INSERT"],
    )
    foreign(shop, "arn:aws:iam::123456789012:role/mallory")
    foreign(shop, "arn:aws:iam::123456789012:role/mallory", permission="ALTER")  # in two steps
    drift = {(d.drift, d.grant.principal.rsplit("/")[-1]) for d in review_access(shop.tools, shop.source).differences}
    assert drift == {(Drift.EXPIRED, "auditor"), (Drift.MISSING, "loader"), (Drift.FOREIGN, "mallory")}
    repair(shop.tools, shop.source, actor="ops", reason="by hand")
    left = review_access(shop.tools, shop.source).differences
    assert [(d.drift, d.grant.principal.rsplit("/")[-1]) for d in left] == [(Drift.FOREIGN, "mallory")]
    repair(shop.tools, shop.source, actor="ops", reason="by hand", foreign=True)
    assert review_access(shop.tools, shop.source).differences == ()

    taken = revoke_access(shop.tools, shop.source, actor="ops", reason="end of life")
    assert taken
    assert room.access.granted(orders) == []
    with shop.tools.ledger.reading() as tx:
        events = tx.grant_events(shop.source)
    assert [e.reason for e in events][-1] == "end of life"


def test_the_command_shows_drift_and_mends_it(shop: Shop, room: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.cli.access import access

    if not room.access.enforced:
        pytest.skip("nothing is granted on a lake of files")
    shop.publish()
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    before = run(access, [shop.source, "--json"])
    assert before.exit_code == 1
    assert {d["drift"] for d in json.loads(before.output)["differences"]} == {"missing"}
    assert run(access, [shop.source, "--repair"]).exit_code == 0
    shown = run(access, [shop.source])
    assert "What is granted is what the contract declares" in shown.output
    assert "2090-01-0" in shown.output


def test_tags_say_what_is_sensitive_and_the_rest_inherits(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    wanted = table_request(contract, contract.tables[0], entry.location)
    assert wanted.tags["columns"] == {"id": "public"}, "only what differs from the table"
    for _ in range(2):
        room.access.tag(wanted.identifier, wanted.tags)
    tagged = room.access.tags(wanted.identifier, ["id", "paid"])
    assert tagged == ({"id": "public", "paid": "confidential"} if room.access.enforced else {})
    if room.access.enforced:
        changed = read_contract(contract.text.replace("classification: public", "classification: confidential"))
        room.access.tag(wanted.identifier, table_request(changed, changed.tables[0], entry.location).tags)
        assert room.access.tags(wanted.identifier, ["id", "paid"]) == {"id": "confidential", "paid": "confidential"}
        database = boto3.client("lakeformation").get_resource_lf_tags(Resource={"Database": {"Name": contract.id}})
        assert database["LFTagOnDatabase"][0]["TagValues"] == ["confidential"]


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("{role: a b, access: read}", "names no IAM role"),
        ("{role: a, access: own}", "Write `read` or `write`"),
        ("{role: a, customProperties: [{property: expires, value: soon}]}", "Write a date"),
        ("{role: a, customProperties: [{property: expiresAfter, value: 5}]}", "Write a period"),
        ("{role: a, customProperties: [{property: tables, value: [nope]}]}", "is no table of the contract"),
        ("{role: a, customProperties: [{property: upTo, value: secret}]}", "upTo is 'secret'"),
        ("{role: a, customProperties: [{property: expire, value: 2027-01-01}]}", "Did you mean 'expires'?"),
    ],
)
def test_a_role_that_cannot_be_understood_gives_nobody_access(contract: Contract, role: str, said: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(contract.text.replace("servers:", f"roles: [{role}]\nservers:"))
    (finding,) = caught.value.findings
    assert finding.code == "ROLE"
    assert said in f"{finding.message} {finding.mend}"


def test_reading_is_no_writing() -> None:
    assert "INSERT" not in READ
