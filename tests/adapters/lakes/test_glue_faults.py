"""Glue on a bad day, through the fault proxy: compare-and-swap, lost answers, throttling, silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.lakes.fault_proxy import Fault, FaultProxy
from adapters.lakes.rooms import Lake
from sluice.access import READ, Grant
from sluice.adapters.access import open_access
from sluice.adapters.catalogs import open_catalog
from sluice.adapters.stores import open_store
from sluice.catalog import Publication
from sluice.contract.model import Contract
from sluice.errors import CommitConflictError, LakeUnavailableError
from sluice.settings import Settings


@pytest.fixture
def proxy(services: Settings) -> Iterator[FaultProxy]:
    with FaultProxy(services.aws_endpoint) as proxy:
        yield proxy


@pytest.fixture
def glue(proxy: FaultProxy, services: Settings, lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose catalog and grants are reached through the proxy; objects are put directly."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    settings = replace(services, lake=lake)
    catalog = open_catalog(settings, lake)
    assert catalog.source
    access = open_access(lake)
    access.principal("x")
    access.granted("none.none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", services.aws_endpoint)
    (tmp_path / "work").mkdir()
    return Lake(settings, lake, open_store(lake), catalog, access, tmp_path / "work")


def readers_see(services: Settings, lake: Lake, identifier: str) -> list[int]:
    """By another catalog, which knows no proxy."""
    return sorted(open_catalog(services, lake.uri).scan(identifier).column("id").to_pylist())


def test_of_two_writers_on_the_same_snapshot_one_wins(glue: Lake, contract: Contract, services: Settings) -> None:
    entry = glue.register(contract)
    ready = [glue.prepare(entry.identifier, [glue.stage(contract, f"{n}.parquet", [n])], f"onb-{n}") for n in (1, 2)]
    barrier, outcome = threading.Barrier(2), {}

    def commit(n: int) -> None:
        barrier.wait()
        try:
            outcome[n] = glue.catalog.commit(ready[n])
        except CommitConflictError as error:
            outcome[n] = error

    threads = [threading.Thread(target=commit, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [n for n in (0, 1) if isinstance(outcome[n], Publication)]
    assert len(won) == 1, outcome
    assert readers_see(services, glue, entry.identifier) == [won[0] + 1]
    lost = 1 - won[0]
    again = glue.prepare(entry.identifier, [glue.stage(contract, "again.parquet", [lost + 1])], f"onb-{lost + 1}")
    glue.catalog.commit(again)
    assert readers_see(services, glue, entry.identifier) == [lost + 1]


def test_a_commit_whose_answer_is_lost_is_found_and_its_files_stay(
    glue: Lake, proxy: FaultProxy, contract: Contract, services: Settings
) -> None:
    entry = glue.register(contract)
    glue.publish(entry.identifier, [glue.stage(contract, "a.parquet", [1])], "onb-1")
    ready = glue.prepare(entry.identifier, [glue.stage(contract, "b.parquet", [2])], "onb-2")
    proxy.faults = [Fault("UpdateTable", drop=True)]
    done = glue.catalog.commit(ready)
    assert proxy.faults[0].hit == 1
    assert sum(c.operation == "UpdateTable" for c in proxy.calls) >= 3, "botocore tried again, and was refused"
    assert done.snapshot_id == ready.snapshot_id
    assert readers_see(services, glue, entry.identifier) == [2], "the manifests were not deleted"


def test_an_unknown_outcome_is_said_to_be_one_and_found_later(
    glue: Lake, proxy: FaultProxy, contract: Contract, services: Settings
) -> None:
    entry = glue.register(contract)
    file = glue.stage(contract, "a.parquet", [1])
    ready = glue.prepare(entry.identifier, [file], "onb-1")
    before = sum(c.operation == "GetTable" for c in proxy.calls)
    proxy.faults = [
        Fault("UpdateTable", drop=True),
        Fault("UpdateTable", times=99, status=400, code="AccessDeniedException"),
        Fault("GetTable", first=2, times=99, status=400, code="InternalServiceException"),
    ]
    with pytest.raises(LakeUnavailableError, match="COMMIT_UNKNOWN"):
        glue.catalog.commit(ready)
    assert sum(c.operation == "GetTable" for c in proxy.calls) > before
    proxy.faults = []
    again = glue.catalog.prepare(entry.identifier, [file], ready_marks("onb-1"))
    assert isinstance(again, Publication)
    assert again.snapshot_id == ready.snapshot_id
    assert readers_see(services, glue, entry.identifier) == [1]


def ready_marks(request: str):  # type: ignore[no-untyped-def]
    from sluice.catalog import Marks

    return Marks(request, "d" * 64)


def test_throttling_is_waited_out(glue: Lake, proxy: FaultProxy, contract: Contract, services: Settings) -> None:
    entry = glue.register(contract)
    ready = glue.prepare(entry.identifier, [glue.stage(contract, "a.parquet", [1])], "onb-1")
    proxy.faults = [Fault("UpdateTable", times=2, status=400, code="ThrottlingException")]
    assert glue.catalog.commit(ready).rows == 1
    assert proxy.faults[0].hit == 2
    assert readers_see(services, glue, entry.identifier) == [1]


def test_endless_throttling_ends_clearly_and_shows_nothing(
    glue: Lake, proxy: FaultProxy, contract: Contract, services: Settings
) -> None:
    entry = glue.register(contract)
    ready = glue.prepare(entry.identifier, [glue.stage(contract, "a.parquet", [1])], "onb-1")
    proxy.faults = [Fault("UpdateTable", times=999, status=400, code="ThrottlingException")]
    with pytest.raises(LakeUnavailableError, match=r"CATALOG_UNAVAILABLE.*Throttling"):
        glue.catalog.commit(ready)
    assert proxy.faults[0].hit <= 5, "within the budget"
    assert readers_see(services, glue, entry.identifier) == []
    proxy.faults = []
    assert glue.publish(entry.identifier, [glue.stage(contract, "b.parquet", [2])], "onb-1").rows == 1


def test_a_table_made_although_the_answer_was_lost_is_adopted(
    glue: Lake, proxy: FaultProxy, contract: Contract
) -> None:
    proxy.faults = [Fault("CreateTable", drop=True), Fault("CreateDatabase", drop=True)]
    entry = glue.register(contract)
    assert [f.hit for f in proxy.faults] == [1, 1]
    assert glue.register(contract).uuid == entry.uuid


def test_two_registrations_that_change_the_table_at_once_both_end_well(glue: Lake, contract: Contract) -> None:
    from sluice.contract.reading import read_contract

    entry = glue.register(contract)
    newer = [read_contract(contract.text.replace("Its number.", f"Its number {n}.")) for n in range(3)]
    threads = [threading.Thread(target=glue.register, args=(c,)) for c in newer]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    docs = {f.name: f.doc for f in glue.catalog.load(entry.identifier).schema().fields}
    assert docs["id"] in {f"Its number {n}." for n in range(3)}


def test_objects_that_break_off_or_slow_down_are_written_again(
    glue: Lake, proxy: FaultProxy, contract: Contract, services: Settings
) -> None:
    proxy.faults = [
        Fault("PUT", times=2, status=503, code="SlowDown", where="metadata"),
        Fault("GET", reset_after=200, where="metadata"),
    ]
    entry = glue.register(contract)
    glue.publish(entry.identifier, [glue.stage(contract, "a.parquet", [1])], "onb-1")
    assert sum(f.hit for f in proxy.faults) >= 2
    assert readers_see(services, glue, entry.identifier) == [1]


def test_a_grant_whose_answer_is_lost_is_there_once(glue: Lake, proxy: FaultProxy, contract: Contract) -> None:
    entry = glue.register(contract)
    wanted = Grant("arn:aws:iam::123456789012:role/analyst", entry.identifier, READ)
    proxy.faults = [Fault("GrantPermissions", drop=True)]
    glue.access.grant(wanted)
    assert glue.access.granted(entry.identifier) == [wanted]
    proxy.faults = [Fault("GrantPermissions", times=99, status=400, code="AccessDeniedException")]
    from sluice.errors import TerminalError

    with pytest.raises(TerminalError, match="ACCESS_DENIED"):
        glue.access.grant(Grant("arn:aws:iam::123456789012:role/other", entry.identifier, READ))
