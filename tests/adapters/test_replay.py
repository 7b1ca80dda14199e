"""Repaired rows join the next load once, whatever happens to loads meanwhile; and exports come back as what they were."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from replaying import NOON, Shop

from sluice.adapters.stores.local import FileStore
from sluice.contract.reading import read_contract
from sluice.errors import BadInputError, ConflictError, SourceError
from sluice.lake import Layout, ObjectInfo
from sluice.stream.bad_rows import shown
from sluice.stream.replay import Fate, Offer, Replays, Standing, put_offer, standings


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, b"id,buyer,paid\n1,ann,1.00\n2,bob,dear\n3,cid,9.99.9\n")


def test_repaired_rows_join_the_next_load_once(shop: Shop) -> None:
    first = shop.land("first")
    assert (first.rows_staged, first.rows_quarantined) == (1, 2)
    repaired = shop.repair(**{"dear": "2.00", "9.99.9": "9.99"})
    offer, new = shop.shelf.offer(shop.table, repaired, "olga", NOON)
    assert (offer.rows, new) == (2, True)
    assert shop.shelf.offer(shop.table, repaired, "olga", NOON) == (offer, False), "asking twice is asking once"

    second = shop.land("second")
    assert (second.rows_read, second.rows_staged, second.rows_quarantined) == (5, 3, 2)
    assert [s.role for s in second.sources] == ["delivery", "replay"]
    assert {r[0] for r in shop.staged(second)} == {1, 2, 3}
    assert second.content_digest != first.content_digest
    again = shop.land("second")
    assert (again.rows_read, again.content_digest) == (5, second.content_digest), "a retry takes them again"
    assert shop.land("third").rows_read == 3, "another load does not, while the second is under way"
    shop.fates["second"] = Fate.PUBLISHED
    assert shop.land("third").rows_read == 3, "nor afterwards"
    with pytest.raises(ConflictError, match="REPLAY_SPENT"):
        shop.shelf.offer(shop.table, repaired, "olga", NOON)


def test_a_load_that_came_to_nothing_gives_its_replays_back(shop: Shop) -> None:
    shop.land("first")
    shop.shelf.offer(shop.table, shop.repair(**{"dear": "2", "9.99.9": "9"}), "olga", NOON)
    assert shop.land("second").rows_read == 5
    shop.fates["second"] = Fate.OVER
    assert shop.land("third").rows_read == 5
    assert shop.land("second").rows_read == 3, "it is the third's now"


def test_what_still_does_not_fit_is_refused_and_not_offered(shop: Shop) -> None:
    shop.land("first")
    with pytest.raises(BadInputError, match="REPLAY_ROWS") as caught:
        shop.shelf.offer(shop.table, shop.repair(dear="2.00"), "olga", NOON)
    assert "1 of 2" in caught.value.message and "row 2, paid" in caught.value.message
    with pytest.raises(BadInputError, match="row 2, paid"):  # of the export, whatever lines the rows before it have
        shop.shelf.offer(shop.table, shop.repair(dear='2.00\n3,"a\nb",1'), "olga", NOON)
    assert standings(shop.store, shop.layout, "shop", "orders") == []


def test_rows_may_come_as_the_source_writes_them(shop: Shop) -> None:
    shop.land("first")
    file = shop.folder / "mended.csv"
    file.write_text("id,buyer,paid\n2,bob,2.00\n")
    offer, _ = shop.shelf.offer(shop.table, file, "olga", NOON)
    assert offer.rows == 1
    assert (2, "bob") in [r[:2] for r in shop.staged(shop.land("second"))]


def test_an_offer_can_be_withdrawn_unless_a_load_has_it(shop: Shop) -> None:
    shop.land("first")
    file = shop.folder / "mended.csv"

    def offered(row: str) -> Standing:
        file.write_text(f"id,buyer,paid\n{row}\n")
        offer, _ = shop.shelf.offer(shop.table, file, "olga", NOON)
        return next(s for s in standings(shop.store, shop.layout, "shop", "orders") if s.offer == offer)

    shop.replays("nobody").withdraw(offered("7,x,1"))
    assert shop.land("second").rows_read == 3
    with pytest.raises(ConflictError, match="REPLAY_SPENT"):
        offered("7,x,1")
    taken = offered("8,x,1")
    shop.land("third")
    with pytest.raises(ConflictError, match="REPLAY_TAKEN"):
        shop.replays("nobody").withdraw(taken)
    shop.fates["third"] = Fate.OVER
    shop.replays("nobody").withdraw(offered_again(shop, taken))
    assert shop.land("fourth").rows_read == 3


def offered_again(shop: Shop, standing: Standing) -> Standing:
    return next(s for s in standings(shop.store, shop.layout, "shop", "orders") if s.offer == standing.offer)


def test_rows_that_a_newer_contract_cannot_read_say_how_to_go_on(shop: Shop) -> None:
    shop.land("first")
    offer, _ = shop.shelf.offer(shop.table, shop.repair(**{"dear": "2", "9.99.9": "9"}), "olga", NOON)
    more = shop.contract.text + "      - {name: note, logicalType: string, classification: public}\n"
    shop.contract = read_contract(more)
    shop.table = shop.contract.tables[0]
    (shop.folder / "orders.csv").write_text("id,buyer,paid,note\n1,ann,1.00,hi\n")
    with pytest.raises(SourceError, match="REPLAY_UNFIT") as caught:
        shop.land("second")
    assert f"withdraw shop orders {offer.digest[:12]}" in caught.value.mend


def test_of_many_loads_at_once_one_takes_them(shop: Shop) -> None:
    shop.land("first")
    shop.shelf.offer(shop.table, shop.repair(**{"dear": "2", "9.99.9": "9"}), "olga", NOON)
    start, taken = threading.Barrier(12), []

    def take(n: int) -> None:
        replays = Replays(FileStore(), shop.layout, f"load-{n}", lambda *_: Fate.OPEN, lambda: NOON)
        start.wait()
        if replays.take("shop", "orders"):
            taken.append(n)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_a_claim_whose_answer_was_lost_is_still_mine(shop: Shop) -> None:
    shop.land("first")
    shop.shelf.offer(shop.table, shop.repair(**{"dear": "2", "9.99.9": "9"}), "olga", NOON)

    class Deaf(FileStore):
        def write(self, *arguments: Any, **options: Any) -> bool:
            super().write(*arguments, **options)
            return False

    assert Replays(Deaf(), shop.layout, "mine", lambda *_: Fate.OPEN, lambda: NOON).take("shop", "orders")


@pytest.mark.parametrize(
    ("content", "format_name", "dialect", "wrong", "right", "expected"),
    [
        ("paid;id;buyer\n1;1;a\nx;2;Zoë \"the\" Ç\n".encode("cp1252"), "csv",
         "{property: delimiter, value: ';'}, {property: encoding, value: cp1252}", "x;2", "7;2", (2, 'Zoë "the" Ç')),
        (b'id,buyer,paid\n1,a,1\n2,"two\nlines, ""quoted""",x\n', "csv", "", ",x", ",7", (2, 'two\nlines, "quoted"')),
        (b"id|buyer|paid\r\n1|a|1\r\n2|b\\|c|x\r\n", "psv", "{property: escapeChar, value: '\\'}", "|x", "|7", (2, "b|c")),
        (b"preamble\nid,buyer,paid\n1,a,1\n2,NA,x\n", "csv", "{property: headerRows, value: [2]}, {property: nullSequence, value: [NA]}",
         ",x", ",7", (2, None)),
        (b"1,a,1\n2,#b,x\n", "csv", "{property: header, value: false}", ",x", ",7", (2, "#b")),
        (b'{"id":1,"buyer":"a","paid":1}\n{"id":2,"buyer":"b\\n","paid":"x"}\n', "jsonl", "", '"x"', "7", (2, "b\n")),
        (b'[{"id":1,"buyer":"a","paid":1},\n {"id":2,\n  "buyer":"b, [","paid":"x"}]', "json", "", '"x"', "7", (2, "b, [")),
        (b'{"data":{"rows":[{"id":1,"buyer":"a","paid":1},{"id":2,"buyer":"b","paid":"x"}]}}', "json",
         "{property: property, value: data.rows}", '"x"', "7", (2, "b")),
        (b'[["paid","id","buyer"],[1,1,"a"],["x",2,"b"]]', "json", "{property: itemType, value: array}", '"x"', "7", (2, "b")),
        (b'[[1,1,"a"],["x",2,"b"]]', "json",
         "{property: itemType, value: array}, {property: itemKeys, value: [paid, id, buyer]}", '"x"', "7", (2, "b")),
        (b'[{"id":1,"buyer":"a","paid":1,"z":0},{"id":2,"buyer":"b","paid":"x","z":1}]', "json",
         "{property: itemKeys, value: [paid, id, buyer]}", '"x"', "7", (2, "b")),
        ("id\tbuyer\tpaid\n1\ta\t1\n2\tŁ\tx\n".encode("utf-16"), "tsv", "{property: encoding, value: utf-16}", "\tx", "\t7", (2, "Ł")),
    ],
    ids=["cp1252", "newline", "escape", "preamble", "no header", "json", "array", "property", "array rows", "array rows named", "some keys",
         "utf-16"],
)  # fmt: skip
def test_an_export_comes_back_as_what_it_was(
    tmp_path: Path, content: bytes, format_name: str, dialect: str, wrong: str, right: str, expected: tuple[Any, ...]
) -> None:
    shop = Shop(tmp_path, content, format_name, dialect)
    assert shop.land("first").rows_quarantined == 1
    offer, _ = shop.shelf.offer(shop.table, shop.repair(**{wrong: right}), "olga", NOON)
    assert offer.rows == 1
    rows = shop.staged(shop.land("second"))
    assert len(rows) == 2
    assert rows[-1][:2] == expected
    assert rows[-1][2] == 7


@pytest.mark.parametrize(
    ("format_name", "content", "wrong", "right"),
    [
        ("csv", "id,paid\n1,1\n2,x\n", ",x", ",7"),
        ("jsonl", '{"id":1,"paid":1}\n{"id":2,"paid":"x"}\n', '"x"', "7"),
    ],
)
def test_what_the_path_said_of_a_row_comes_back_with_it(
    tmp_path: Path, format_name: str, content: str, wrong: str, right: str
) -> None:
    shop = Shop(tmp_path, b"", format_name)
    place = "  - name: orders\n    customProperties: [{property: location, value: days}]\n"
    shop.contract = read_contract(shop.contract.text.replace("  - name: orders\n", place))
    shop.table = shop.contract.tables[0]
    for buyer in ("ann", "bob%2C%20Ltd", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "days" / f"buyer={buyer}"
        folder.mkdir(parents=True)
        (folder / f"part.{format_name}").write_text(content)
    assert shop.land("first").rows_quarantined == 3
    assert shop.shelf.offer(shop.table, shop.repair(**{wrong: right}), "olga", NOON)[0].rows == 3
    rows = shop.staged(shop.land("second"))
    assert sorted(rows[3:], key=str) == [(2, b, 7) for b in ("ann", "bob, Ltd", None)]


def test_a_row_that_is_no_text_is_exported_in_base64_and_must_be_written_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path, b"id,buyer,paid\n1,a,1\n2,\xff\xfe,1\n")
    shop.land("first")
    export = shop.export()
    (row,) = map(json.loads, export.read_text().splitlines())
    assert "raw" not in row
    with pytest.raises(BadInputError, match="row 1 has no `raw`"):
        shop.shelf.offer(shop.table, export, "olga", NOON)
    export.write_text(json.dumps(row | {"raw": "2,b,1"}))
    assert shop.shelf.offer(shop.table, export, "olga", NOON)[0].rows == 1


def test_what_is_shown_gives_no_confidential_value_away(shop: Shop) -> None:
    row = {
        "file": "f",
        "line": 1,
        "byte_offset": 0,
        "column": "paid",
        "reason_code": "CAST",
        "reason": "'dear'",
        "raw": b"bob",
    }
    assert "dear" in str(shown(shop.table, row))
    for column in ("buyer", None):
        text = str(shown(shop.table, row | {"column": column}))
        assert "dear" not in text
        assert "bob" not in text


def test_a_contract_that_keeps_no_values_has_nothing_to_export(tmp_path: Path) -> None:
    shop = Shop(tmp_path, b"id,buyer,paid\n1,a,1\n2,secret,x\n")
    shop.table = replace(shop.table, bad_rows=replace(shop.table.bad_rows, keep_raw=False))
    shop.land("first")
    with pytest.raises(BadInputError, match="NOTHING_KEPT"):
        shop.export()
    assert not any(b"secret" in p.read_bytes() for p in (tmp_path / "lake" / "quarantine").rglob("*.parquet"))


class Memory:
    """Objects in a dict: enough of the port for claims."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        return self.write(uri, b"", content_type="", only_if_absent=True)

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        if uri in self.objects:
            return False
        self.objects[uri] = content
        return True

    def read(self, uri: str) -> bytes:
        return self.objects[uri]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from (ObjectInfo(u, len(c), "", NOON) for u, c in sorted(self.objects.items()) if u.startswith(prefix))


def test_rows_that_an_editor_saved_in_utf8_are_not_taken_for_the_sources_encoding(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "id,buyer,paid\n1,Zoë,x\n".encode("cp1252"), "csv", "{property: encoding, value: cp1252}")
    shop.land("first")
    rows = tmp_path / "rows.csv"
    rows.write_text("id,buyer,paid\n1,Zoë,7\n", "utf-8")
    with pytest.raises(BadInputError, match="Save it in cp1252"):
        shop.shelf.offer(shop.table, rows, "olga", NOON)
    rows.write_text("id,buyer,paid\n1,Zoë,7\n", "cp1252")
    shop.shelf.offer(shop.table, rows, "olga", NOON)
    assert shop.staged(shop.land("second")) == [(1, "Zoë", Decimal(7))]


class Loads(RuleBasedStateMachine):
    """Loads that land, land again, are published or come to nothing, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Any = Memory()
        self.layout = Layout("s3://lake")
        self.offers = 0
        self.fates: dict[str, Fate] = {}
        self.holds: dict[str, set[str]] = {}

    @rule()
    def offer(self) -> None:
        self.offers += 1
        offer = Offer("s", "t", f"d{self.offers}", "f", 1, 1, "0", "csv", {}, "olga", f"{self.offers:04}")
        assert put_offer(self.store, self.layout, offer, Path())

    @rule(name=st.sampled_from("abcdef"))
    def land(self, name: str) -> None:
        if self.fates.setdefault(name, Fate.OPEN) is not Fate.OPEN:
            return
        replays = Replays(self.store, self.layout, name, lambda n, _: self.fates[n], lambda: NOON)
        before = self.holds.get(name, set())
        took = {o.digest for o in replays.take("s", "t")}
        assert before <= took, "a retry has what it had"
        spoken_for = {d for n, held in self.holds.items() if n != name and self.fates[n] is not Fate.OVER for d in held}
        assert took == {f"d{i + 1}" for i in range(self.offers)} - spoken_for, "all that is free, and nothing else"
        self.holds[name] = took

    @precondition(lambda self: self.fates)
    @rule(data=st.data(), fate=st.sampled_from([Fate.PUBLISHED, Fate.OVER]))
    def end(self, data: st.DataObject, fate: Fate) -> None:
        name = data.draw(st.sampled_from(sorted(self.fates)))
        if self.fates[name] is Fate.OPEN:
            self.fates[name] = fate

    @invariant()
    def nothing_is_published_twice(self) -> None:
        published = [d for n, held in self.holds.items() if self.fates[n] is Fate.PUBLISHED for d in held]
        assert len(published) == len(set(published))


Loads.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=25)
TestLoads = Loads.TestCase
