"""What a catalog promises, on both kinds of lake: register, publish at once, look before a retry, put back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.lakes.rooms import Lake
from sluice.catalog import APPEND, SOURCE_PROPERTY, Marks, Publication
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import CommitConflictError, ConflictError, TerminalError


def test_registering_tells_the_catalog_everything_and_shows_no_data(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    assert entry.created
    table = room.catalog.load(entry.identifier)
    assert table.current_snapshot() is None
    assert [(f.name, str(f.field_type), f.doc) for f in table.schema().fields] == [
        ("id", "long", "Its number."), ("paid", "decimal(9, 2)", "Euros."),
    ]  # fmt: skip
    assert table.schema().identifier_field_names() == {"id"}
    said = table.properties
    assert said[SOURCE_PROPERTY] == contract.id
    assert said["sluice.contract-digest"] == contract.digest
    assert said["sluice.contract-version"] == "1.0.0"
    assert (said["owner"], said["domain"], said["comment"]) == ("olga", "retail", "One order.")
    assert said["classification.level"] == "confidential"
    assert said["classification.column.id"] == "public"
    assert said["sluice.primary-key"] == "id"
    again = room.register(contract)
    assert not again.created, "ours is adopted"
    assert again.uuid == entry.uuid
    assert room.catalog.load(entry.identifier).metadata_location == table.metadata_location, (
        "nothing to change, nothing written"
    )


def test_glue_shows_it_as_its_own(room: Lake, contract: Contract) -> None:
    if room.catalog.kind != "glue":
        pytest.skip("only an s3:// lake has Glue")
    import boto3

    room.register(contract)
    table = boto3.client("glue").get_table(DatabaseName=contract.id, Name="orders")["Table"]
    columns = {c["Name"]: (c["Type"], c.get("Comment")) for c in table["StorageDescriptor"]["Columns"]}
    assert columns == {"id": ("bigint", "Its number."), "paid": ("decimal(9,2)", "Euros.")}
    assert table["Parameters"]["sluice.source"] == contract.id
    assert table["Description"] == "One order."
    database = boto3.client("glue").get_database(Name=contract.id)["Database"]
    assert database["Description"] == "Orders of the shop."
    assert database["Parameters"]["owner"] == "olga"


def test_what_somebody_else_made_is_left_alone(room: Lake, contract: Contract) -> None:
    from pyiceberg.schema import Schema
    from pyiceberg.types import LongType, NestedField

    room.catalog.source.create_namespace(contract.id)
    room.catalog.source.create_table(
        (contract.id, "orders"), Schema(NestedField(1, "id", LongType())), location=f"{room.uri}/theirs"
    )
    with pytest.raises(ConflictError, match="TABLE_NOT_OURS"):
        room.register(contract)


def test_a_column_may_come_and_none_may_change(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    more = contract.text + "      - {name: note, logicalType: string, classification: public}\n"
    room.register(read_contract(more))
    assert [f.name for f in room.catalog.load(entry.identifier).schema().fields] == ["id", "paid", "note"]
    with pytest.raises(ConflictError, match="SCHEMA_CHANGED"):
        room.register(read_contract(more.replace("decimal(9,2)", "decimal(9,3)")))
    with pytest.raises(ConflictError, match="SCHEMA_CHANGED"):
        room.register(contract)


def test_registering_at_once_makes_one_table(room: Lake, contract: Contract) -> None:
    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(lambda _: room.register(contract), range(4)))
    assert len({e.uuid for e in entries}) == 1
    assert sum(e.created for e in entries) == 1


def test_publishing_is_one_commit_and_doing_it_again_changes_nothing(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    file = room.stage(contract, "a.parquet", [1, 2, 3])
    first = room.publish(entry.identifier, [file], "onb-1")
    again = room.publish(entry.identifier, [file], "onb-1")
    assert (first.rows, first.files, first.repeated, first.previous) == (3, 1, False, None)
    assert (again.snapshot_id, again.repeated) == (first.snapshot_id, True)
    assert room.ids(entry.identifier) == [1, 2, 3]
    assert room.catalog.readable(entry.identifier, "onb-1") is None
    assert room.catalog.readable(entry.identifier, "onb-2") == "it has no snapshot of this request"
    assert room.catalog.readable(entry.identifier, "onb-2", entry.uuid) is None, "a snapshot may have expired"
    assert room.catalog.publication(entry.identifier, "onb-1") is not None


def test_the_next_publication_replaces_the_content_in_one_snapshot_of_one_commit(
    room: Lake, contract: Contract
) -> None:
    entry = room.register(contract)
    one = room.publish(entry.identifier, [room.stage(contract, "a.parquet", [1, 2])], "onb-1")
    before = room.catalog.load(entry.identifier).metadata_location
    two = room.publish(entry.identifier, [room.stage(contract, "b.parquet", [7])], "onb-2", "e" * 64)
    table = room.catalog.load(entry.identifier)
    assert room.ids(entry.identifier) == [7]
    assert table.metadata.metadata_log[-1].metadata_file == before, "one commit: no state in between"
    assert [s.id for s in room.catalog.snapshots(entry.identifier)] == [one.snapshot_id, two.snapshot_id]
    assert (two.rows, two.files, two.previous) == (1, 1, one.snapshot_id)
    newest = room.catalog.snapshots(entry.identifier)[-1]
    assert newest.current
    assert (newest.operation, newest.properties["sluice.request-id"]) == ("overwrite", "onb-2")
    assert (newest.properties["deleted-records"], newest.properties["added-records"]) == ("2", "1")
    assert room.catalog.scan(entry.identifier).num_rows == 1
    older = table.scan(snapshot_id=one.snapshot_id).to_arrow()
    assert sorted(older.column("id").to_pylist()) == [1, 2], "the old snapshot can still be read"


def test_appending_keeps_what_is_there(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    room.publish(entry.identifier, [room.stage(contract, "a.parquet", [1, 2])], "onb-1")
    ready = room.catalog.prepare(
        entry.identifier, [room.stage(contract, "b.parquet", [7])], Marks("ref-1", "e" * 64), mode=APPEND
    )
    assert not isinstance(ready, Publication)
    assert room.catalog.commit(ready).rows == 3
    assert room.ids(entry.identifier) == [1, 2, 7]


def test_nothing_to_show_is_shown(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    empty = room.publish(entry.identifier, [room.stage(contract, "a.parquet", [])], "onb-1")
    assert (empty.rows, empty.files) == (0, 0)
    assert room.ids(entry.identifier) == []
    room.publish(entry.identifier, [room.stage(contract, "b.parquet", [1])], "onb-2", "e" * 64)
    room.publish(entry.identifier, [], "onb-3", "f" * 64)
    assert room.ids(entry.identifier) == []


def test_a_commit_that_was_overtaken_shows_nothing_and_can_be_made_again(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    late = room.prepare(entry.identifier, [room.stage(contract, "late.parquet", [9])], "onb-late")
    room.publish(entry.identifier, [room.stage(contract, "a.parquet", [1])], "onb-1")
    with pytest.raises(CommitConflictError):
        room.catalog.commit(late)
    assert room.ids(entry.identifier) == [1]
    again = room.prepare(entry.identifier, [room.stage(contract, "late2.parquet", [9])], "onb-late")
    assert room.catalog.commit(again).previous is not None
    assert room.ids(entry.identifier) == [9]


def test_a_schema_that_changed_meanwhile_is_a_conflict_too(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    late = room.prepare(entry.identifier, [room.stage(contract, "late.parquet", [9])], "onb-late")
    room.register(read_contract(contract.text + "      - {name: note, logicalType: string, classification: public}\n"))
    with pytest.raises(CommitConflictError):
        room.catalog.commit(late)


def test_the_same_evidence_is_published_once_whoever_asks(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    file = room.stage(contract, "a.parquet", [1])
    ready = room.catalog.prepare(entry.identifier, [file], Marks("onb-1", "d" * 64, "c" * 64))
    assert not isinstance(ready, Publication)
    first = room.catalog.commit(ready)
    again = room.catalog.prepare(entry.identifier, [file], Marks("onb-1-2", "d" * 64, "c" * 64))
    assert isinstance(again, Publication)
    assert again.snapshot_id == first.snapshot_id


def test_what_was_shown_before_can_be_put_back(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    one = room.publish(entry.identifier, [room.stage(contract, "a.parquet", [1])], "onb-1")
    two = room.publish(entry.identifier, [room.stage(contract, "b.parquet", [2])], "onb-2", "e" * 64)
    with pytest.raises(CommitConflictError):
        room.catalog.put_back(entry.identifier, one.snapshot_id, expected=one.snapshot_id + 1)
    room.catalog.put_back(entry.identifier, one.snapshot_id, expected=two.snapshot_id)
    room.catalog.put_back(entry.identifier, one.snapshot_id, expected=two.snapshot_id)
    assert room.ids(entry.identifier) == [1]
    assert room.catalog.publication(entry.identifier, "onb-2") is None, "what was put back is not published"
    with pytest.raises(TerminalError, match="NO_SNAPSHOT"):
        room.catalog.put_back(entry.identifier, 1, expected=one.snapshot_id)
    room.catalog.put_back(entry.identifier, None, expected=one.snapshot_id)
    assert room.ids(entry.identifier) == []
    room.publish(entry.identifier, [room.stage(contract, "c.parquet", [3])], "onb-3", "f" * 64)
    assert room.ids(entry.identifier) == [3]


def test_a_file_that_is_not_what_was_checked_is_refused(room: Lake, contract: Contract) -> None:
    from dataclasses import replace

    entry = room.register(contract)
    file = room.stage(contract, "a.parquet", [1, 2])
    with pytest.raises(TerminalError, match="FILE_UNFIT"):
        room.prepare(entry.identifier, [replace(file, rows=3)], "onb-1")
    with pytest.raises(TerminalError, match="FILE_UNFIT"):
        room.prepare(entry.identifier, [replace(file, partition={"id": 1})], "onb-1")


def test_a_lost_file_is_noticed(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    file = room.stage(contract, "a.parquet", [1])
    room.publish(entry.identifier, [file], "onb-1")
    room.store.delete(file.uri)
    assert f"{file.uri} is gone" in str(room.catalog.readable(entry.identifier, "onb-1"))
    assert room.catalog.readable(f"{contract.id}.nope", "onb-1") == "the catalog has no such table"


def test_a_table_taken_out_is_gone_and_its_files_stay(room: Lake, contract: Contract) -> None:
    entry = room.register(contract)
    file = room.stage(contract, "a.parquet", [1])
    room.publish(entry.identifier, [file], "onb-1")
    assert room.catalog.referenced_files(entry.identifier) == {file.uri}
    assert room.catalog.drop(entry.identifier)
    assert not room.catalog.drop(entry.identifier)
    assert room.catalog.entry(entry.identifier) is None
    assert room.store.head(file.uri) is not None
    made = room.register(contract)
    assert made.uuid != entry.uuid
    assert room.catalog.readable(entry.identifier, "onb-1", entry.uuid) == "it has no snapshot of this request"
