"""A landed file becomes plain files, or a clear refusal; never something in between."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import pytest

from sluice.adapters.duck.unpack import Caps, unpack
from sluice.errors import SourceError


def content_of(source: Path, folder: Path, **options: object) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in unpack(source, folder / "scratch", **options)}  # type: ignore[arg-type]


def refusal(source: Path, folder: Path, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        unpack(source, folder / "scratch", **options)  # type: ignore[arg-type]
    assert caught.value.where and caught.value.mend
    return caught.value


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_plain_file_is_itself(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a\n1\n")
    assert unpack(source, tmp_path) == [("a.csv", source)]


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_every_member_of_a_compressed_file_is_read(tmp_path: Path, suffix: str, pack) -> None:
    source = tmp_path / f"a.csv{suffix}"
    source.write_bytes(pack(b"a\n1\n") + pack(b"2\n"))
    assert content_of(source, tmp_path) == {source.name: b"a\n1\n2\n"}


@pytest.mark.parametrize("cut", [1, 4, 8, 12])
@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_cut_off_file_is_refused(tmp_path: Path, suffix: str, pack, cut: int) -> None:
    source = tmp_path / f"a.csv{suffix}"
    source.write_bytes(pack(bytes(range(256)) * 100)[:-cut])
    assert refusal(source, tmp_path).code == "BAD_ARCHIVE"
    assert not list((tmp_path / "scratch").iterdir())


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"a\n1\n" * 1000))
    data[-6] ^= 0xFF
    source = tmp_path / "a.gz"
    source.write_bytes(data)
    assert refusal(source, tmp_path).code == "BAD_ARCHIVE"


def test_the_members_of_a_zip_come_in_order_of_their_names(tmp_path: Path) -> None:
    source = zip_of(tmp_path / "a.zip", {"b.csv": b"b", "x/a.csv": b"x", "a.csv": b"a", "__MACOSX/._a.csv": b"?"})
    found = unpack(source, tmp_path / "scratch")
    assert [(name, path.read_bytes()) for name, path in found] == [
        ("a.zip!a.csv", b"a"), ("a.zip!b.csv", b"b"), ("a.zip!x/a.csv", b"x"),
    ]  # fmt: skip


def test_a_single_member_keeps_the_archives_name(tmp_path: Path) -> None:
    assert content_of(zip_of(tmp_path / "a.zip", {"b.csv": b"b"}), tmp_path) == {"a.zip": b"b"}


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_member_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    source = zip_of(tmp_path / "a.zip", {"good": b"1", name: b"2"})
    assert refusal(source, tmp_path).code == "ARCHIVE_PATH"
    assert not (tmp_path / "evil").exists()


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refusal(tmp_path / "a.zip", tmp_path).code == "ARCHIVE_PATH"


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    source = tmp_path / "bomb.gz"
    source.write_bytes(gzip.compress(bytes(60 << 20)))
    assert refusal(source, tmp_path).code == "ARCHIVE_LIMIT"
    zipped = zip_of(tmp_path / "bomb.zip", {"a": bytes(30 << 20), "b": bytes(30 << 20)})
    assert refusal(zipped, tmp_path).code == "ARCHIVE_LIMIT"


def test_caps_on_size_and_entries(tmp_path: Path) -> None:
    source = zip_of(tmp_path / "a.zip", {"a": b"12345", "b": b"67890"})
    assert refusal(source, tmp_path, caps=Caps(size=9)).code == "ARCHIVE_LIMIT"
    assert refusal(source, tmp_path, caps=Caps(entries=1)).code == "ARCHIVE_LIMIT"
    assert len(content_of(source, tmp_path, caps=Caps(size=10, entries=2))) == 2


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a", b"12345" * 100)
    (tmp_path / "a.zip").write_bytes(whole.getvalue()[:-30])
    assert refusal(tmp_path / "a.zip", tmp_path).code == "BAD_ARCHIVE"
    corrupt = bytearray(whole.getvalue())
    corrupt[50] ^= 0xFF
    (tmp_path / "b.zip").write_bytes(corrupt)
    assert refusal(tmp_path / "b.zip", tmp_path).code == "BAD_ARCHIVE"


def test_a_name_that_lies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"a\n1\n")
    assert refusal(tmp_path / "a.csv.gz", tmp_path).code == "BAD_ARCHIVE"


def test_nothing_is_empty_unless_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b""))
    zip_of(tmp_path / "a.zip", {"a": b""})
    zip_of(tmp_path / "none.zip", {})
    for name in ("a.csv", "a.gz", "a.zip", "none.zip"):
        assert refusal(tmp_path / name, tmp_path).code == "EMPTY_FILE"
    for name in ("a.csv", "a.gz", "a.zip"):
        assert list(content_of(tmp_path / name, tmp_path, allow_empty=True).values()) == [b""]
