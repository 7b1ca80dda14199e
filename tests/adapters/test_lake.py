"""Object stores behave alike; S3's on a real moto server. What lakes do with tables: lakes/."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from sluice.adapters.stores import open_store
from sluice.adapters.stores.local import FileStore
from sluice.adapters.stores.s3 import S3Store, bucket_exists, ensure_bucket
from sluice.errors import LakeUnavailableError, SourceError
from sluice.lake import ObjectStore


@pytest.fixture(params=["s3", "file", "file lake"])
def store(request: pytest.FixtureRequest, lake: str, tmp_path: Path) -> tuple[ObjectStore, str]:
    """Every implementation of the port, with a root to write below."""
    if request.param == "s3":
        return S3Store(), lake
    root = tmp_path / "lake dir"
    return (open_store(root.as_uri()) if request.param == "file lake" else FileStore()), root.as_uri()


def test_what_is_put_comes_back(store: tuple[ObjectStore, str], tmp_path: Path) -> None:
    objects, root = store
    content = secrets.token_bytes(300_000)
    (tmp_path / "in").write_bytes(content)
    uri = f"{root}/a b/é.bin"
    assert objects.head(uri) is None
    objects.put(tmp_path / "in", uri)
    info = objects.head(uri)
    assert info is not None
    assert info.size == len(content)
    objects.get(uri, tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out").read_bytes() == content == objects.read(uri)
    assert [o.size for o in objects.list(f"{root}/a b/")] == [len(content)]
    assert list(objects.list(f"{root}/nothing/")) == []


def test_writing_only_if_absent_writes_once(store: tuple[ObjectStore, str]) -> None:
    objects, root = store
    uri = f"{root}/once.json"
    assert objects.write(uri, b"1", content_type="application/json", only_if_absent=True)
    assert not objects.write(uri, b"2", content_type="application/json", only_if_absent=True)
    assert objects.read(uri) == b"1"
    assert objects.write(uri, b"3", content_type="application/json")
    assert objects.read(uri) == b"3"


def test_what_is_missing_says_so(store: tuple[ObjectStore, str], tmp_path: Path) -> None:
    objects, root = store
    with pytest.raises(SourceError, match="NO_OBJECT"):
        objects.read(f"{root}/none")
    with pytest.raises(SourceError, match="NO_OBJECT"):
        objects.get(f"{root}/none", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_changed_object_has_another_mark(store: tuple[ObjectStore, str]) -> None:
    objects, root = store
    marks = set()
    for content in (b"aaaa", b"bbbb"):
        objects.write(f"{root}/x", content, content_type="text/plain")
        info = objects.head(f"{root}/x")
        assert info is not None
        marks.add(info.etag)
    assert len(marks) == 2


@pytest.mark.parametrize("size", [0, 7, 20 << 20])
def test_what_is_put_has_the_checksum_it_is_said_to_have(
    store: tuple[ObjectStore, str], tmp_path: Path, size: int
) -> None:
    import hashlib

    objects, root = store
    (tmp_path / "in").write_bytes(bytes(size))
    with pytest.raises(SourceError, match="SOURCE_CHANGED"):
        objects.put(tmp_path / "in", f"{root}/x", sha256="0" * 64)
    assert objects.head(f"{root}/x") is None
    assert list(objects.uploads(f"{root}/")) == []
    assert objects.put(tmp_path / "in", f"{root}/x", sha256=hashlib.sha256(bytes(size)).hexdigest())
    assert not objects.put(tmp_path / "in", f"{root}/x")


def test_the_bucket_is_made_once(lake: str) -> None:
    assert not ensure_bucket(lake, "eu-west-1")
    assert bucket_exists(lake)
    assert not bucket_exists("s3://there-is-no-such-bucket-here")


def test_a_lake_that_is_away_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    from sluice.adapters.stores import s3

    away = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=s3.client_config(total_max_attempts=1))
    monkeypatch.setattr(s3, "_client", lambda: away)
    with pytest.raises(LakeUnavailableError, match="S3_UNAVAILABLE"):
        S3Store().head("s3://bucket/key")
