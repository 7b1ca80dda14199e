"""What S3 does on a bad day: throttled, interrupted, answered twice or not at all; on a real moto server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sluice.adapters import aws
from sluice.adapters.stores import s3
from sluice.adapters.stores.s3 import PART, S3Store
from sluice.errors import ConflictError, LakeUnavailableError, SourceError, TerminalError


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while chunk := self.read(65536):
            yield chunk


def answer(status: int, code: str) -> Any:
    """What S3 says when it says no."""
    from botocore.awsrequest import AWSResponse

    body = f"<Error><Code>{code}</Code><Message>as injected</Message></Error>".encode()
    return AWSResponse("http://s3", status, {"Content-Type": "application/xml"}, _Raw(body))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two tries a call, and clients of their own."""
    config = s3.client_config(total_max_attempts=2)
    monkeypatch.setattr(s3, "client_config", lambda: config)
    for cached in (aws.session, s3._client, s3._writing_once):
        cached.cache_clear()
    yield
    for cached in (aws.session, s3._client, s3._writing_once):
        cached.cache_clear()


@contextmanager
def fault(operation: str, inject: Callable[[int, Any], Any]) -> Iterator[list[int]]:
    """Before each send of the operation `inject(call number from 0, request)` may answer in S3's place."""
    calls: list[int] = []

    def before(request: Any, **_: Any) -> Any:
        calls.append(len(calls))
        return inject(calls[-1], request)

    events = s3._writing_once().meta.events
    events.register_first(f"before-send.s3.{operation}", before)
    try:
        yield calls
    finally:
        events.unregister(f"before-send.s3.{operation}", before)


def applied(request: Any) -> None:
    """Let the request through to the server, and keep its answer from the client."""
    from botocore.httpsession import URLLib3Session

    URLLib3Session().send(request)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small").write_bytes(b"content")
    return tmp_path / "small"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(b"0123456789abcdef" * ((2 * PART + 1000) // 16))
    return tmp_path / "large"


@pytest.mark.parametrize("size", ["small", "large"])
def test_an_object_is_written_once(size: str, lake: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path, uri = request.getfixturevalue(size), f"{lake}/x"
    assert S3Store().put(path, uri)
    info = S3Store().head(uri)
    assert info is not None
    assert info.sha256 is not None
    assert not S3Store().put(path, uri), "the same content: already done"
    assert S3Store().head(uri) == info
    S3Store().get(uri, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ConflictError, match="OBJECT_DIFFERS"):
        S3Store().put(other, uri)
    assert S3Store().read(uri) == path.read_bytes()


def test_what_others_wrote_is_compared_by_reading_it(lake: str, small: Path) -> None:
    S3Store().write(f"{lake}/x", b"content", content_type="text/plain")
    assert not S3Store().put(small, f"{lake}/x")
    S3Store().write(f"{lake}/y", b"CONTENT", content_type="text/plain")
    with pytest.raises(ConflictError, match="OBJECT_DIFFERS"):
        S3Store().put(small, f"{lake}/y")


def test_slow_down_once_is_waited_for_and_for_ever_is_a_passing_fault(lake: str, small: Path) -> None:
    with fault("PutObject", lambda n, _: answer(503, "SlowDown") if n == 0 else None) as calls:
        assert S3Store().put(small, f"{lake}/x")
    assert len(calls) == 2
    with (
        fault("PutObject", lambda n, _: answer(503, "SlowDown")) as calls,
        pytest.raises(LakeUnavailableError, match="SlowDown"),
    ):
        S3Store().put(small, f"{lake}/y")
    assert len(calls) == 2, "one layer retries"
    assert S3Store().head(f"{lake}/y") is None


def test_a_put_that_landed_without_an_answer_is_success(lake: str, small: Path) -> None:
    from botocore.exceptions import ConnectionClosedError

    def lose(n: int, request: Any) -> None:
        if n == 0:
            applied(request)
            raise ConnectionClosedError(endpoint_url=request.url)

    with fault("PutObject", lose) as calls:
        S3Store().put(small, f"{lake}/x")
    assert len(calls) == 2
    assert S3Store().read(f"{lake}/x") == b"content"


@pytest.mark.parametrize("landed", [True, False])
def test_after_an_internal_error_the_object_decides(lake: str, small: Path, landed: bool) -> None:
    def fail(n: int, request: Any) -> Any:
        if landed:
            applied(request)
        return answer(500, "InternalError")

    with fault("PutObject", fail):
        if landed:
            assert S3Store().put(small, f"{lake}/x")
        else:
            with pytest.raises(LakeUnavailableError):
                S3Store().put(small, f"{lake}/x")


def test_a_conditional_conflict_is_tried_again(lake: str, small: Path) -> None:
    with fault("PutObject", lambda n, _: answer(409, "ConditionalRequestConflict") if n < 2 else None) as calls:
        assert S3Store().put(small, f"{lake}/x")
        assert S3Store().write(f"{lake}/m.json", b"1", content_type="application/json", only_if_absent=True)
    assert len(calls) == 4
    with (
        fault("PutObject", lambda n, _: answer(409, "ConditionalRequestConflict")) as calls,
        pytest.raises(LakeUnavailableError),
    ):
        S3Store().put(small, f"{lake}/y")
    assert len(calls) == s3.CONFLICT_ATTEMPTS


def test_a_refusal_is_no_passing_fault(lake: str, small: Path) -> None:
    with fault("PutObject", lambda n, _: answer(403, "AccessDenied")), pytest.raises(TerminalError, match="ACCESS"):
        S3Store().put(small, f"{lake}/x")


def test_a_part_that_fails_for_good_leaves_no_upload(lake: str, large: Path) -> None:
    with (
        fault("UploadPart", lambda n, _: answer(500, "InternalError") if n else None),
        pytest.raises(LakeUnavailableError),
    ):
        S3Store().put(large, f"{lake}/x")
    assert list(S3Store().uploads(f"{lake}/")) == []
    assert S3Store().head(f"{lake}/x") is None


def test_an_upload_that_was_left_is_listed_and_aborted_once_and_twice(lake: str) -> None:
    bucket = lake.removeprefix("s3://")
    begun = s3._client().create_multipart_upload(Bucket=bucket, Key="landing/a b/x")
    s3._client().upload_part(Bucket=bucket, Key="landing/a b/x", UploadId=begun["UploadId"], PartNumber=1, Body=b"x")
    (upload,) = S3Store().uploads(f"{lake}/landing/")
    assert upload.uri == f"{lake}/landing/a b/x"
    assert list(S3Store().uploads(f"{lake}/other/")) == []
    S3Store().abort(upload)
    S3Store().abort(upload)
    assert list(S3Store().uploads(f"{lake}/")) == []


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_copy_inside_s3_takes_exactly_what_was_seen(size: str, lake: str, request: pytest.FixtureRequest) -> None:
    from sluice.stream.tools import sha256

    path = request.getfixturevalue(size)
    store = S3Store()
    store.put(path, f"{lake}/in/é 1")
    seen = store.head(f"{lake}/in/é 1")
    assert seen is not None
    assert store.copy(seen, f"{lake}/out/1", sha256=sha256(path))
    assert not store.copy(seen, f"{lake}/out/1", sha256=sha256(path))
    assert store.read(f"{lake}/out/1") == path.read_bytes()
    store.delete(seen.uri)
    store.write(seen.uri, b"another", content_type="text/plain")
    with pytest.raises(SourceError, match="SOURCE_CHANGED"):
        store.copy(seen, f"{lake}/out/2", sha256=sha256(path))


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(("size", "operation"), [("small", "PutObject"), ("large", "CompleteMultipartUpload")])
def test_two_writers_at_once(
    lake: str, size: str, operation: str, same: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = request.getfixturevalue(size)
    rival = tmp_path / "rival"
    rival.write_bytes(path.read_bytes() if same else b"!" + path.read_bytes()[1:])

    def overtake(n: int, _: Any) -> None:
        if n == 0:
            S3Store().put(rival, f"{lake}/x")

    with fault(operation, overtake):
        if same:
            assert not S3Store().put(path, f"{lake}/x")
        else:
            with pytest.raises(ConflictError, match="OBJECT_DIFFERS"):
                S3Store().put(path, f"{lake}/x")
    assert S3Store().read(f"{lake}/x") == rival.read_bytes()
    assert list(S3Store().uploads(f"{lake}/")) == []
