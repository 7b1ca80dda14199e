"""Finding and copying a source's files: what is refused, and that nothing slips in between."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.adapters.files import FileStore
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import SourceError
from sluice.settings import Settings, load
from sluice.stream import source
from sluice.stream.source import copy, deliveries, probe


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


def test_a_pattern_finds_every_file_in_order(tmp_path: Path, settings: Settings) -> None:
    for name in ("p2.csv", "p1.csv", "other.txt"):
        (tmp_path / name).write_text("a\n1\n")
    assert found(contract(".", "p*.csv"), tmp_path, settings) == ["p1.csv", "p2.csv"]


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
    guarded = replace(settings, profile="production", source_roots=(inside.resolve(),))
    assert found(contract("."), inside, guarded) == ["t.csv"]
    for c, base in (
        (contract(".", "link.csv"), inside),
        (contract("../out", "secret.csv"), inside),
        (contract(str(outside), "secret.csv"), inside),
    ):
        with pytest.raises(SourceError, match="OUTSIDE_ROOTS"):
            found(c, base, guarded)
    with pytest.raises(SourceError, match="OUTSIDE_ROOTS"):
        found(contract("."), inside, replace(guarded, source_roots=()))


def test_a_copy_is_the_file_and_its_checksum(tmp_path: Path, settings: Settings) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "t.csv").write_bytes(content)
    (delivery,) = deliveries(contract("."), contract(".").tables[0], str(tmp_path), settings, FileStore())
    assert copy(delivery, tmp_path / "copy" / "t.csv", FileStore()) == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "copy" / "t.csv").read_bytes() == content


def test_a_file_that_will_not_keep_still_is_refused(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"a\n" + b"1\n" * 10_000_000)
    (delivery,) = deliveries(contract("."), contract(".").tables[0], str(tmp_path), settings, FileStore())
    monkeypatch.setattr(source, "CHUNK", 1024)
    writing, stop = threading.Event(), threading.Event()

    def keep_writing() -> None:
        with file.open("ab", buffering=0) as writer:
            while not stop.is_set():
                writer.write(b"2\n")
                writing.set()

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        assert writing.wait(10)
        with pytest.raises(SourceError, match="SOURCE_CHANGED"):
            copy(delivery, tmp_path / "copy.csv", FileStore())
    finally:
        stop.set()
        thread.join()
