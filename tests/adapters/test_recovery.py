"""A lake that forgot what was landed: the ledger says so at once, and what is done again counts as before."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop import Shop
from sluice.adapters.ledger import forget_connections
from sluice.approval import Choice, decide
from sluice.errors import NotApprovedError, RefusedError
from sluice.lake import Manifest
from sluice.ledger import Request, Verdict
from sluice.onboarding import found
from sluice.recovery import reconcile
from sluice.stages import Clock, Stage
from sluice.stream.check import check
from sluice.stream.gate import ask
from sluice.stream.land import land
from sluice.stream.profile import profile
from sluice.stream.register import register


@pytest.fixture
def shop(ledger_url: str, lake: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.deliver([(1, "ann", "1.00")])
    yield shop
    forget_connections(ledger_url)


def lose(shop: Shop, request: Request, *tables: str) -> None:
    with shop.tools.ledger.reading() as tx:
        manifests = found(tx, request, Stage.LAND)
    for table in tables:
        for file in Manifest.from_dict(manifests[table]).staged:
            shop.tools.store.delete(file.uri)


def stands_at(shop: Shop, request: Request) -> tuple[Stage, ...]:
    with shop.tools.ledger.reading() as tx:
        return Clock(tx.events(request.id)).current()


def test_it_is_back_at_land_before_anything_runs_and_signatures_stand_on_the_same_content(shop: Shop) -> None:
    request, tools = shop.approved(), shop.tools
    lose(shop, request, "items")
    assert stands_at(shop, request) == (Stage.REGISTER,)
    assert reconcile(tools).again == (request,)
    assert stands_at(shop, request) == (Stage.LAND,)
    with pytest.raises(NotApprovedError, match="STAGE_NOT_READY"):
        register(tools, request.id, "orders")
    assert reconcile(tools).again == (request,), "until it has landed, the next look finds it again"
    assert stands_at(shop, request) == (Stage.LAND,)

    land(tools, request.id, "items")
    assert reconcile(tools).again == ()
    assert stands_at(shop, request) == (Stage.PROFILE, Stage.CHECK)
    for work in (profile, check):
        for table in request.tables:
            work(tools, request.id, table)
    assert ask(tools, request.id, Stage.PUBLICATION).missing == (), "the same content, so the same signatures"
    shop.publish(request)
    assert shop.rows() and shop.rows("items")


def test_nobody_decides_on_what_is_gone(shop: Shop) -> None:
    tools = shop.tools
    request = shop.open()
    for work in (land, profile, check):
        for table in request.tables:
            work(tools, request.id, table)
    standing = ask(tools, request.id, Stage.PUBLICATION)
    lose(shop, request, "orders")
    reconcile(tools)
    role, policy = standing.missing[0], tools.policy()
    choice = Choice(
        request.id,
        Stage.PUBLICATION,
        role,
        Verdict.APPROVE,
        policy.roles[role].members[0],
        "",
        standing.evidence_digest,
    )
    with tools.ledger.transaction() as tx, pytest.raises(RefusedError, match="GATE_NOT_OPEN"):
        decide(tx, policy, choice, tools.now())


def test_what_was_lost_in_the_middle_of_landing_lands_again_alone(shop: Shop) -> None:
    tools = shop.tools
    request = shop.open()
    land(tools, request.id, "orders")
    lose(shop, request, "orders")
    assert reconcile(tools).again == (request,)
    land(tools, request.id, "items")
    assert stands_at(shop, request) == (Stage.LAND,), "what was lost does not count"
    land(tools, request.id, "orders")
    assert stands_at(shop, request) == (Stage.PROFILE, Stage.CHECK)
