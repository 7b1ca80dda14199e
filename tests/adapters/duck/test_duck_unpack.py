"""A landed file becomes plain files, or a clear refusal; never something in between."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.adapters.duck.packed.unpack import unpack
from sluice.errors import BadInputError, SourceError
from sluice.limits import Limits


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


def tar_of(members: dict[str, bytes | tarfile.TarInfo], how: tarfile._Format = tarfile.PAX_FORMAT) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=how) as archive:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return written.getvalue()


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


def test_a_plain_file_is_itself(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a\n1\n")
    assert unpack(source, tmp_path) == [("a.csv", source)]


@pytest.mark.parametrize(("suffix", "pack"), PACK.items(), ids=PACK)
def test_every_member_of_a_compressed_file_is_read(tmp_path: Path, suffix: str, pack) -> None:
    source = tmp_path / f"a.csv{suffix}"
    source.write_bytes(pack(b"a\n1\n") + pack(b"2\n"))
    assert content_of(source, tmp_path) == {source.name: b"a\n1\n2\n"}


def test_a_frame_to_be_skipped_may_come_first(tmp_path: Path) -> None:
    source = tmp_path / "a.csv.zst"
    source.write_bytes(b"\x50\x2a\x4d\x18\4\0\0\0abcd" + zstandard.compress(b"a\n1\n"))
    assert content_of(source, tmp_path) == {source.name: b"a\n1\n"}


@pytest.mark.parametrize("head", [b"7z\xbc\xaf\x27\x1c\0\4", b"Rar!\x1a\7\1\0", b"\x04\x22\x4d\x18", b"\x1f\x9d\x90"])
def test_what_is_not_read_is_named(tmp_path: Path, head: bytes) -> None:
    source = zip_of(tmp_path / "a.zip", {"a.csv": head})
    assert "not read" in refusal(source, tmp_path).message


@pytest.mark.parametrize("cut", [1, 4, 8, 12])
@pytest.mark.parametrize(("suffix", "pack"), PACK.items(), ids=PACK)
def test_a_cut_off_file_is_refused(tmp_path: Path, suffix: str, pack, cut: int) -> None:
    source = tmp_path / f"a.csv{suffix}"
    source.write_bytes(pack(bytes(range(256)) * 100)[:-cut])
    assert refusal(source, tmp_path).code == "BAD_ARCHIVE"
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(("suffix", "pack"), PACK.items(), ids=PACK)
def test_what_follows_a_compressed_file_is_not_swallowed(tmp_path: Path, suffix: str, pack) -> None:
    source = tmp_path / f"a.csv{suffix}"
    source.write_bytes(pack(b"a\n1\n") + b"2\n")
    assert refusal(source, tmp_path).code == "BAD_ARCHIVE"
    source.write_bytes(pack(b"a\n1\n") + bytes(1024))  # padding, as tapes have it
    assert list(content_of(source, tmp_path).values()) == [b"a\n1\n"]


@settings(max_examples=40)
@given(
    pieces=st.lists(st.tuples(st.binary(max_size=200), st.integers(1, 40_000)), min_size=1, max_size=4),
    suffix=st.sampled_from(list(PACK)),
)
def test_whatever_is_packed_comes_out(tmp_path_factory: pytest.TempPathFactory, pieces, suffix: str) -> None:
    folder = tmp_path_factory.mktemp("packed")
    plain = [b"x", *(data * times for data, times in pieces)]  # what is packed does not look packed itself
    source = folder / f"a{suffix}"
    source.write_bytes(b"".join(map(PACK[suffix], plain)))
    assert content_of(source, folder, allow_empty=True) == {source.name: b"".join(plain)}


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
    assert refusal(source, tmp_path, limits=Limits(unpacked_bytes=9)).code == "ARCHIVE_LIMIT"
    assert refusal(source, tmp_path, limits=Limits(archive_entries=1)).code == "ARCHIVE_LIMIT"
    assert len(content_of(source, tmp_path, limits=Limits(unpacked_bytes=10, archive_entries=2))) == 2


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


@pytest.mark.parametrize("how", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"])
def test_the_members_of_a_tar(tmp_path: Path, suffix: str, how: tarfile._Format) -> None:
    content = tar_of({"./b.csv": b"b", "x/a.csv": b"x" * 5000, "x/._a.csv": b"?"}, how)
    packed = next((pack(content) for ending, pack in PACK.items() if suffix.endswith(ending)), content)
    (tmp_path / f"a{suffix}").write_bytes(packed)
    assert content_of(tmp_path / f"a{suffix}", tmp_path) == {
        f"a{suffix}!b.csv": b"b",
        f"a{suffix}!x/a.csv": b"x" * 5000,
    }
    assert len(list((tmp_path / "scratch").iterdir())) == 2


def test_a_tar_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    content = tar_of({"a": b"1" * 600, "b": b"2" * 600})
    source = tmp_path / "a.tar"
    for broken in (
        content[:1000],
        content[: 512 * 3],
        content[: 512 * 6],
        content[: 512 * 3] + b"x" * 512,
        content * 2,
    ):
        source.write_bytes(broken)
        assert refusal(source, tmp_path).code == "BAD_ARCHIVE"
    damaged = bytearray(content)
    damaged[512 * 3 + 5] ^= 1
    source.write_bytes(damaged)
    assert refusal(source, tmp_path).code == "BAD_ARCHIVE"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    odd = tarfile.TarInfo("odd")
    odd.type, odd.linkname = kind, "/etc/passwd"
    (tmp_path / "a.tar").write_bytes(tar_of({"good": b"1", "odd": odd}))
    assert refusal(tmp_path / "a.tar", tmp_path).code == "ARCHIVE_PATH"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_tar_member_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({name: b"1"}))
    assert refusal(tmp_path / "a.tar", tmp_path).code == "ARCHIVE_PATH"


def test_packed_members_are_unpacked_and_layers_are_counted(tmp_path: Path) -> None:
    members = {f"a.csv{suffix}": pack(suffix.encode()) for suffix, pack in PACK.items()}
    expected = {f"a.csv{suffix}": suffix.encode() for suffix in PACK}
    zip_of(tmp_path / "a.zip", members)
    assert content_of(tmp_path / "a.zip", tmp_path) == {f"a.zip!{n}": data for n, data in expected.items()}
    (tmp_path / "a.tgz").write_bytes(gzip.compress(tar_of(members)))
    assert content_of(tmp_path / "a.tgz", tmp_path) == {f"a.tgz!{n}": data for n, data in expected.items()}
    zip_of(tmp_path / "outer.zip", {"x/inner.zip": (tmp_path / "a.zip").read_bytes(), "b.csv": b"b"})
    assert content_of(tmp_path / "outer.zip", tmp_path)["outer.zip!x/inner.zip!a.csv.gz"] == b".gz"
    zip_of(tmp_path / "more.zip", {"outer.zip": (tmp_path / "outer.zip").read_bytes()})
    assert refusal(tmp_path / "more.zip", tmp_path).code == "ARCHIVE_LIMIT"
    assert content_of(tmp_path / "more.zip", tmp_path, limits=Limits(archive_nesting=4))


def test_limits_count_over_all_layers(tmp_path: Path) -> None:
    bomb = gzip.compress(gzip.compress(bytes(60 << 20)))
    (tmp_path / "a.gz").write_bytes(bomb)
    assert refusal(tmp_path / "a.gz", tmp_path).code == "ARCHIVE_LIMIT"
    for suffix in (".bz2", ".xz", ".zst"):
        (tmp_path / f"b{suffix}").write_bytes(PACK[suffix](bytes(60 << 20)))
        assert refusal(tmp_path / f"b{suffix}", tmp_path).code == "ARCHIVE_LIMIT"
    (tmp_path / "c.tar").write_bytes(tar_of({str(n): b"" for n in range(30)}))
    error = refusal(tmp_path / "c.tar", tmp_path, limits=Limits(archive_entries=20))
    assert error.code == "ARCHIVE_LIMIT" and "SLUICE_MAX_ARCHIVE_ENTRIES" in error.mend
    assert not list((tmp_path / "scratch").iterdir())


def test_members_can_be_chosen(tmp_path: Path) -> None:
    source = zip_of(
        tmp_path / "a.zip", {"flights/1.csv": b"1", "flights/2.csv": b"2", "weather.csv": b"w", "_x.csv": b"_"}
    )
    assert content_of(source, tmp_path, select="flights/*.csv") == {
        "a.zip!flights/1.csv": b"1",
        "a.zip!flights/2.csv": b"2",
    }
    assert content_of(source, tmp_path, select="weather.csv") == {"a.zip!weather.csv": b"w"}
    assert set(content_of(source, tmp_path, select="**/*.csv")) == {
        "a.zip!flights/1.csv", "a.zip!flights/2.csv", "a.zip!weather.csv",
    }  # fmt: skip
    error = refusal(source, tmp_path, select="planes/*")
    assert error.code == "NO_MEMBER" and "weather.csv" in error.message
    (tmp_path / "plain.csv").write_bytes(b"1")
    assert refusal(tmp_path / "plain.csv", tmp_path, select="*").code == "NO_MEMBER"


def test_a_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    assert refusal(tmp_path / "a.zip", tmp_path).code == "BAD_ARCHIVE"


def test_what_is_declared_must_be_so(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"1"))
    for declared in ("gz", "gzip", "GZIP"):
        assert content_of(tmp_path / "a", tmp_path, compression=declared) == {"a": b"1"}
    for declared in ("none", "bz2", "zstd", "zip"):
        assert refusal(tmp_path / "a", tmp_path, compression=declared).code == "COMPRESSION"
    with pytest.raises(BadInputError, match="COMPRESSION"):
        unpack(tmp_path / "a", tmp_path, compression="rar")


def test_a_csv_that_looks_like_a_magic_number_is_a_csv(tmp_path: Path) -> None:
    for content in (b"BZh9,a\n1,2\n", b"PK,a\n1,2\n", b"\0" * 600):
        (tmp_path / "a.csv").write_bytes(content)
        assert content_of(tmp_path / "a.csv", tmp_path) == {"a.csv": content}


@pytest.mark.parametrize("kind", [".gz", ".bz2", ".xz", ".zst", ".zip", ".tar"])
def test_a_byte_changed_anywhere_changes_no_value_silently(tmp_path: Path, kind: str) -> None:
    plain = bytes(range(256)) * 4
    if kind == ".zip":
        content = zip_of(tmp_path / "x.zip", {"a": plain}).read_bytes()
    elif kind == ".zst":
        content = zstandard.ZstdCompressor(write_checksum=True).compress(plain)
    else:
        content = tar_of({"a": plain}) if kind == ".tar" else PACK[kind](plain)
    source = tmp_path / f"a{kind}"
    for at in range(0, len(content), 1 + len(content) // 300):
        damaged = bytearray(content)
        damaged[at] ^= 0x55
        source.write_bytes(damaged)
        try:
            found = content_of(source, tmp_path)
        except SourceError as error:
            assert error.code in ("BAD_ARCHIVE", "ARCHIVE_PATH", "EMPTY_FILE", "ARCHIVE_LIMIT"), at
        else:
            # tar has no checksum of contents, and dates and names are not the content.
            assert kind == ".tar" or list(found.values()) in ([plain], [bytes(damaged)]), at
