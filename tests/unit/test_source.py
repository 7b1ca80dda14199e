"""Finding and copying a source's files: what is refused, and that nothing slips in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluice.adapters.stores.local import FileStore
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import SourceError
from sluice.lake import ObjectInfo
from sluice.limits import Limits
from sluice.settings import Settings, load
from sluice.stream.source import deliveries, probe


def contract(path: str, location: str = "t.csv") -> Contract:
    return read_contract(f"""\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: "{path}", format: csv}}]
schema:
  - name: t
    customProperties: [{{property: location, value: "{location}"}}]
    properties: [{{name: a, logicalType: string}}]
""")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"SLUICE_HOME": str(tmp_path / "home")})


def found(c: Contract, base: Path | str, settings: Settings) -> list[str]:
    return [d.name for d in deliveries(c, c.tables[0], str(base), settings, FileStore())]


def test_a_relative_path_starts_at_the_base_or_the_sources_folder(tmp_path: Path, settings: Settings) -> None:
    for folder in (tmp_path / "mine" / "in", settings.sources / "in"):
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text("a\n1\n")
    assert found(contract("in"), tmp_path / "mine", settings) == ["t.csv"]
    assert found(contract("in"), "", settings) == ["t.csv"]
    assert found(contract(str(tmp_path / "mine" / "in")), "", settings) == ["t.csv"]


def test_a_file_that_is_not_there_is_named_with_its_suffix(tmp_path: Path, settings: Settings) -> None:
    c = contract(".")
    table = replace(c.tables[0], location=type(c.tables[0].location)())
    with pytest.raises(SourceError, match="FILE_NOT_FOUND") as caught:
        deliveries(c, table, str(tmp_path), settings, FileStore())
    assert caught.value.where == str(tmp_path / "t.csv")


def test_a_pattern_finds_every_file_in_order(tmp_path: Path, settings: Settings) -> None:
    for name in ("p2.csv", "p1.csv", "other.txt"):
        (tmp_path / name).write_text("a\n1\n")
    assert found(contract(".", "p*.csv"), tmp_path, settings) == ["p1.csv", "p2.csv"]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a\n1\n")


TREE = (
    "in/b.csv", "in/a.csv.gz", "in/2024/c.txt", "in/2024/part-0", "in/x.zip", "in/_SUCCESS", "in/.hidden.csv",
    "in/_tmp/d.csv", "in/.git/e.csv", "in/README.md", "in/f.parquet", "in/day=1/g.csv", "in/day=2/g.csv", "other.csv",
)  # fmt: skip


def test_a_folder_is_every_file_of_the_format_below_it(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, *TREE)
    expected = [
        "in/2024/c.txt", "in/2024/part-0", "in/a.csv.gz", "in/b.csv", "in/day=1/g.csv", "in/day=2/g.csv", "in/x.zip",
    ]  # fmt: skip
    assert found(contract(".", "in"), tmp_path, settings) == expected
    assert found(contract(".", "in/"), tmp_path, settings) == expected
    assert found(contract(".", "in/**/*.csv"), tmp_path, settings) == ["in/b.csv", "in/day=1/g.csv", "in/day=2/g.csv"]
    assert found(contract(".", "in/day=*/*"), tmp_path, settings) == ["in/day=1/g.csv", "in/day=2/g.csv"]
    assert found(contract(str(tmp_path / "in"), "day=1"), "", settings) == ["day=1/g.csv"]
    whole = found(contract(".", "."), tmp_path, settings)
    assert whole == [*expected, "other.csv"]


def test_the_same_is_found_below_a_prefix_of_s3(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, *TREE)

    class Bucket(FileStore):
        """Objects that lie in a folder; the real S3 is tested with the lake."""

        def head(self, uri: str) -> ObjectInfo | None:
            path = tmp_path / uri.removeprefix("s3://bucket/")
            return ObjectInfo(uri, path.stat().st_size, "etag", datetime.now(UTC)) if path.is_file() else None

        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            for path in sorted(tmp_path.rglob("*")):
                uri = f"s3://bucket/{path.relative_to(tmp_path).as_posix()}"
                if uri.startswith(prefix) and (info := self.head(uri)):
                    yield info

    local = contract(".")
    for location in ("in", "in/", "in/**/*.csv", "in/day=*/*", ".", "in/b.csv", "in/x.zip!*.csv", "**"):
        c = contract(".", location)
        s3 = replace(local, server=replace(local.server, type="s3", base="s3://bucket"), tables=c.tables)
        there = deliveries(s3, s3.tables[0], "", settings, Bucket())
        assert [d.name for d in there] == found(c, tmp_path, settings)


def test_members_of_an_archive_are_named_behind_a_mark(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, "x.zip", "odd!name.csv")
    c = contract(".", "x.zip!in/*.csv")
    (delivery,) = deliveries(c, c.tables[0], str(tmp_path), settings, FileStore())
    assert (delivery.name, delivery.members) == ("x.zip", "in/*.csv")
    assert found(contract(".", "odd!name.csv"), tmp_path, settings) == ["odd!name.csv"]


def test_several_locations_give_each_file_once(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, "b/1.csv", "a/1.csv", "a/2.csv")
    c = contract(".")
    several = replace(c.tables[0], location="b", more_locations=("a/1.csv", "a"))
    names = [d.name for d in deliveries(c, several, str(tmp_path), settings, FileStore())]
    assert names == ["a/1.csv", "a/2.csv", "b/1.csv"]


def test_without_a_location_the_tables_name_and_the_formats_suffixes_are_tried(
    tmp_path: Path, settings: Settings
) -> None:
    write(tmp_path, "t.xls")
    c = contract(".")
    table = replace(c.tables[0], location="", format="excel")
    assert [d.name for d in deliveries(c, table, str(tmp_path), settings, FileStore())] == ["t.xls"]
    (tmp_path / "t.xls").unlink()
    write(tmp_path, "t/1.xlsx")
    assert [d.name for d in deliveries(c, table, str(tmp_path), settings, FileStore())] == ["t/1.xlsx"]


def test_a_folder_that_links_to_its_parent_has_an_end(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, "in/a.csv", "elsewhere/b.csv")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    assert found(contract(".", "in"), tmp_path, settings) == ["in/a.csv", "in/more/b.csv"]


def test_too_many_files_are_refused(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, *(f"in/{n}.csv" for n in range(4)))
    few = replace(settings, limits=Limits(files=3))
    with pytest.raises(SourceError, match="TOO_MANY_FILES"):
        found(contract(".", "in"), tmp_path, few)


def test_an_empty_file_among_many_is_named(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, "in/a.csv", "in/b.csv")
    (tmp_path / "in" / "b.csv").write_bytes(b"")
    c = contract(".", "in")
    with pytest.raises(SourceError, match=r"EMPTY_FILE.*b\.csv"):
        found(c, tmp_path, settings)
    allowing = replace(c.tables[0], allow_empty=True)
    assert len(deliveries(c, allowing, str(tmp_path), settings, FileStore())) == 2


@pytest.mark.parametrize("location", ["none.csv", "*.csv", "sub"])
def test_what_is_not_there_says_where_it_was_looked_for(tmp_path: Path, settings: Settings, location: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(SourceError) as caught:
        found(contract(".", location), tmp_path, settings)
    assert caught.value.code == "FILE_NOT_FOUND"
    assert location in caught.value.where


def test_an_empty_file_is_refused_before_anything_is_recorded(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "t.csv").touch()
    with pytest.raises(SourceError, match="EMPTY_FILE"):
        probe(contract("."), str(tmp_path), settings, FileStore())


def test_in_production_no_link_leads_out_of_the_roots(tmp_path: Path, settings: Settings) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text("a\n1\n")
    (inside / "t.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "folder").symlink_to(outside)
    guarded = replace(settings, profile="production", source_roots=(inside.resolve(),))
    assert found(contract("."), inside, guarded) == ["t.csv"]
    for c, base in (
        (contract(".", "link.csv"), inside),
        (contract(".", "folder"), inside),
        (contract(".", "**/*.csv"), inside),
        (contract("../out", "secret.csv"), inside),
        (contract(str(outside), "secret.csv"), inside),
    ):
        with pytest.raises(SourceError, match="OUTSIDE_ROOTS"):
            found(c, base, guarded)
    with pytest.raises(SourceError, match="OUTSIDE_ROOTS"):
        found(contract("."), inside, replace(guarded, source_roots=()))
