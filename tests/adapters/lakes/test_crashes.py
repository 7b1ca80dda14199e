"""Killed at every named step of register, publish and grant, on both kinds of lake: the promises hold, and a retry ends it.

I1 readers see the whole old or the whole new. I3 one publication per content. I4 nothing without approvals. Each
kill is followed by the next one in the very same request, as an orchestrator would retry it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from adapters.lakes.dying import run
from adapters.lakes.rooms import Lake
from shop import Shop
from sluice.crashing import POINTS
from sluice.errors import NotApprovedError, TerminalError
from sluice.ledger import Request, RequestState
from sluice.publications import Step

REGISTER, PUBLISH, GRANT = (
    "sluice.stream.register:register",
    "sluice.stream.publish:publish",
    "sluice.stream.access:grant_access",
)
OLD, NEW = [(1, "ann", "1.00"), (2, "bob", "2.00")], [(7, "zoe", "7.00")]


@pytest.fixture
def shop(room: Lake, ledger_url: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, room.uri, f"shop_{secrets.token_hex(4)}")
    if room.catalog.kind == "sql":
        shop.environment["SLUICE_CATALOG_URL"] = room.settings.catalog
    shop.deliver(OLD, [(1, "tea")])
    return shop


def child(shop: Shop, step: str, *arguments: Any, crash: str = "") -> tuple[str, Any]:
    return run(step, *arguments, environment=shop.whole(), crash=crash)


def killed(shop: Shop, step: str, *arguments: Any, at: str) -> None:
    assert at.split(":", maxsplit=1)[0] in POINTS
    assert child(shop, step, *arguments, crash=at) == ("died", None), at


def shown(shop: Shop, table: str) -> list[int] | None:
    """What readers see of a table; None when it is not in the catalog."""
    catalog = shop.tools.catalog
    identifier = f"{shop.source}.{table}"
    if catalog.entry(identifier) is None:
        return None
    column = "id" if table == "orders" else "order_id"
    return sorted(catalog.scan(identifier).column(column).to_pylist())


def request_now(shop: Shop, request: Request) -> Request:
    with shop.tools.ledger.reading() as tx:
        found = tx.request(request.id)
    assert found is not None
    return found


def published(shop: Shop, request: Request) -> dict[str, int]:
    """How many snapshots each table has of this request."""
    return {
        table: sum(
            s.properties.get("sluice.request-id") == request.id
            for s in shop.tools.catalog.snapshots(f"{shop.source}.{table}")
        )
        for table in request.tables
    }


def test_every_step_is_killed_and_the_promises_hold(shop: Shop, room: Lake) -> None:
    request = shop.approved()
    for point in ("register.begun", "register.database", "register.created", "register.tagged"):
        killed(shop, REGISTER, request.id, "orders", at=point)
        assert not shown(shop, "orders"), "no data before publish"
    for table in request.tables:
        assert child(shop, REGISTER, request.id, table) == ("done", 1)
    entry = shop.tools.catalog.entry(f"{shop.source}.orders")
    assert child(shop, PUBLISH, request.id)[0] == "done"
    after = shop.tools.catalog.entry(f"{shop.source}.orders")
    assert entry is not None
    assert after is not None
    assert after.uuid == entry.uuid
    assert shown(shop, "orders") == [1, 2]

    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver(NEW, [(7, "jam")])
    again = shop.approved()
    assert child(shop, GRANT, again.id)[0] == "raised", "not published yet"
    for table in again.tables:
        assert child(shop, REGISTER, again.id, table) == ("done", 1)
    for point, orders, items in (
        ("publish.begun", [1, 2], [1]),
        ("publish.prepared", [1, 2], [1]),
        ("publish.committed:1", [7], [1]),
        ("publish.committed:1", [7], [7]),
        ("publish.visible", [7], [7]),
    ):
        killed(shop, PUBLISH, again.id, at=point)
        assert (shown(shop, "orders"), shown(shop, "items")) == (orders, items), point
        assert request_now(shop, again).state is RequestState.OPEN
        answer, error = child(shop, GRANT, again.id)
        assert answer == "raised", "publication comes before any grant"
        assert isinstance(error, NotApprovedError)
    killed(shop, PUBLISH, again.id, at="publish.recorded")
    done, snapshots = child(shop, PUBLISH, again.id)
    assert done == "done", "recorded, and the answer got lost: success"
    assert {n: s["rows"] for n, s in snapshots.items()} == {"orders": 1, "items": 1}
    assert published(shop, again) == {"orders": 1, "items": 1}, "published once, however often it was tried"
    with shop.tools.ledger.reading() as tx:
        steps = tx.publication_steps(request_id=again.id)
    assert next(s.identifier for s in steps if s.step is Step.COMMITTED).endswith("orders"), "the order is on record"

    if room.access.enforced:
        for point in ("grant.begun", "grant.granted", "grant.recorded"):
            killed(shop, GRANT, again.id, at=point)
    assert child(shop, GRANT, again.id)[0] == "done"
    principals = {g.principal for t in ("orders", "items") for g in room.access.granted(f"{shop.source}.{t}")}
    assert principals == ({"arn:aws:iam::123456789012:role/analyst"} if room.access.enforced else set())


def test_a_table_that_vanishes_between_two_commits_puts_the_others_back(shop: Shop, room: Lake) -> None:
    shop.publish()
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver(NEW, [(7, "jam")])
    again = shop.approved()
    for table in again.tables:
        child(shop, REGISTER, again.id, table)
    killed(shop, PUBLISH, again.id, at="publish.committed:1")
    assert shown(shop, "orders") == [7]
    room.catalog.drop(f"{shop.source}.items")
    killed(shop, PUBLISH, again.id, at="publish.put_back")
    assert shown(shop, "orders") == [1, 2], "what readers saw before"
    answer, error = child(shop, PUBLISH, again.id)
    assert answer == "raised"
    assert isinstance(error, TerminalError)
    assert error.code == "TABLE_GONE"
    assert shown(shop, "orders") == [1, 2]
    with shop.tools.ledger.reading() as tx:
        put_back = [s for s in tx.publication_steps(source=shop.source) if s.step is Step.PUT_BACK]
    assert put_back[0].identifier == f"{shop.source}.orders"


def test_also_the_first_table_may_be_the_one_that_vanishes(shop: Shop, room: Lake) -> None:
    shop.publish()
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver(NEW, [(7, "jam")])
    again = shop.approved()
    for table in again.tables:
        child(shop, REGISTER, again.id, table)
    killed(shop, PUBLISH, again.id, at="publish.committed:2")
    assert (shown(shop, "orders"), shown(shop, "items")) == ([7], [7])
    room.catalog.drop(f"{shop.source}.orders")
    answer, error = child(shop, PUBLISH, again.id)
    assert (answer, error.code) == ("raised", "TABLE_GONE")
    assert shown(shop, "items") == [1], "what readers saw before"


def test_nothing_is_published_or_granted_without_approvals(shop: Shop, room: Lake) -> None:
    request = shop.approved()
    for table in request.tables:
        child(shop, REGISTER, request.id, table)
    with shop.tools.ledger.transaction() as tx:
        tx._connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # type: ignore[attr-defined]
        tx._connection.exec_driver_sql("DELETE FROM sluice.decision WHERE request_id = %s", (request.id,))  # type: ignore[attr-defined]
    answer, error = child(shop, PUBLISH, request.id)
    assert answer == "raised"
    assert isinstance(error, NotApprovedError)
    assert shown(shop, "orders") == []
    assert room.access.granted(f"{shop.source}.orders") == []


def test_a_snapshot_that_expired_is_not_a_publication_that_was_lost(shop: Shop, room: Lake) -> None:
    from sluice.recovery import reconcile

    first = shop.publish()
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver(NEW, [(7, "jam")])
    shop.publish()
    for table in ("orders", "items"):
        identifier = f"{shop.source}.{table}"
        old = room.catalog.snapshots(identifier)[0].id
        room.catalog.load(identifier).maintenance.expire_snapshots().by_ids([old]).commit()
    assert [r for r in reconcile(shop.tools).lost if r.source == shop.source] == []
    assert request_now(shop, first).state is RequestState.PUBLISHED
    room.catalog.drop(f"{shop.source}.items")
    assert {r.source for r in reconcile(shop.tools).lost} == {shop.source}
