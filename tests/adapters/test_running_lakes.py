"""A source's whole life after publication, on both lakes: refreshed, restored, evolved, kept in order, ended."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from shop import Shop
from sluice.running import incidents, offboarding
from sluice.running.refreshes import Asked
from sluice.stream.offboard import ask, offboard
from sluice.stream.refreshing.run import run
from sluice.stream.restore import restore
from sluice.stream.upkeep import maintain


@pytest.fixture(params=["s3", "file"])
def shop(request: pytest.FixtureRequest, ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    root = lake if request.param == "s3" else (tmp_path / "kept lake").as_uri()
    shop = Shop(tmp_path, ledger_url, root, f"shop_{secrets.token_hex(4)}")
    shop.environment["SLUICE_CATALOG_URL"] = ledger_url
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    shop.publish()
    return shop


def refreshed(shop: Shop) -> str:
    return run(shop.tools, shop.source, Asked(f"run-{secrets.token_hex(4)}", "olga")).state


def test_the_life_of_a_published_source(shop: Shop) -> None:
    tools = shop.tools
    assert refreshed(shop) == "unchanged"
    shop.deliver([(i, f"b{i}", f"{i}.00") for i in range(1, 21)])
    assert refreshed(shop) == "published" and len(shop.rows()) == 20
    restore(tools, shop.source, actor="ann", reason="these are tests")
    assert len(shop.rows()) == 2
    with tools.ledger.transaction() as tx:
        incidents.close(tx, shop.source, "olga", "a test file was delivered", "", tools.now())
    shop.write("orders.csv", ["id,buyer,paid,colour", *(f"{i},b{i},{i}.00,red" for i in range(1, 11))])
    assert refreshed(shop) == "published" and [r[3] for r in shop.rows()] == ["red"] * 10
    shop.later(days=90)
    kept = maintain(tools, shop.source)
    assert not kept.spared and len(shop.rows()) == 10
    ask(tools, shop.source, "olga", "the shop closed", destroy=True)
    with tools.ledger.transaction() as tx:
        offboarding.decide(tx, tools.policy(), shop.source, "gus", True, "", tools.now())
    done = offboard(tools, shop.source)
    assert done.data["fate"] == "destroyed" and done.data["objects"] > 5
    assert tools.catalog.entry(f"{shop.source}.orders") is None
    assert list(tools.store.list(f"{tools.layout.root}/warehouse/{shop.source}/")) == []
