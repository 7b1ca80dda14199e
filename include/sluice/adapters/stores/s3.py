"""ObjectStore on S3 through boto3; retries of a call are botocore's alone, bounded, in one layer.

The exception is 409 ConditionalRequestConflict, which botocore does not retry: S3 wants the whole write again.
What a failed write left is never guessed: the object is looked at, and its checksum decides.
"""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from sluice.adapters import aws
from sluice.errors import ConflictError, LakeUnavailableError, SourceError, TerminalError
from sluice.lake import ObjectInfo, Upload

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from mypy_boto3_s3 import S3Client

PART = 16 << 20
"""Bytes of one part of a large object; s3transfer makes parts larger where 10,000 of them would not do."""
PARTS_AT_ONCE = 4
"""A transfer holds at most this many parts in memory."""
CONFLICT_ATTEMPTS = 5
RANGE = 8 << 20
"""Bytes that one request reads of an object which is read as it lies."""
RANGE_ATTEMPTS = 5

_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_EXISTS = {"412", "PreconditionFailed"}
_CONFLICT = {"409", "ConditionalRequestConflict"}


class _Proven:
    """A file's bytes, which must turn out to have the checksum before the last of them is given."""

    def __init__(self, file: IO[bytes], sha256: str, where: str) -> None:
        self._file, self._sha256, self._where = file, sha256, where
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._digest.update(chunk)
        if (size < 0 or len(chunk) < size) and self._digest.hexdigest() != self._sha256:
            raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=self._where,
                              mend="Deliver under another name, then ask again.")  # fmt: skip
        return chunk


class _ExistsError(Exception):
    """A conditional write found an object, or a conditional copy another source."""


class _ConflictedError(LakeUnavailableError):
    """Another conditional write to the same key was under way."""


def client_config(total_max_attempts: int = 5) -> Any:
    """botocore's configuration: the one layer that retries a call."""
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": total_max_attempts}
    return Config(retries=retries, connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})


@cache
def _client() -> S3Client:
    client: S3Client = aws.client("s3", client_config())
    return client


@cache
def _writing_once() -> S3Client:
    """A client whose every new object must be new: boto3's transfers do not let the condition through."""
    client: S3Client = aws.client("s3", client_config())
    for operation in ("PutObject", "CompleteMultipartUpload", "CopyObject"):
        client.meta.events.register(f"provide-client-params.s3.{operation}", _only_if_absent)  # type: ignore[arg-type]
    return client


def _only_if_absent(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return params | {"IfNoneMatch": "*"}


def _transfer() -> TransferConfig:
    from boto3.s3.transfer import TransferConfig

    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=PARTS_AT_ONCE)
    config.max_in_memory_upload_chunks = PARTS_AT_ONCE
    return config


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of an s3:// URI."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise TerminalError("BAD_URI", f"{uri!r} is not an s3:// URI")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").lstrip("/")


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    import boto3.exceptions
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise SourceError("NO_OBJECT", "there is no such object", where=uri) from error
        if code in _EXISTS:
            raise _ExistsError from error
        if code in _CONFLICT:
            raise _ConflictedError("S3_UNAVAILABLE", f"S3 answered {code}", where=uri) from error
        if code in _REFUSED:
            raise TerminalError("ACCESS_DENIED", f"AWS refused: {code}", where=uri,
                                mend="Grant the role access to it; docs/production.md lists what each stage needs.") from error  # fmt: skip
        raise LakeUnavailableError("S3_UNAVAILABLE", f"S3 answered {code}", where=uri) from error
    except exceptions.NoCredentialsError as error:
        raise TerminalError("NO_CREDENTIALS", "no AWS credentials were found", where=uri,
                            mend="Set AWS_PROFILE, or run with a role.") from error  # fmt: skip
    except (exceptions.BotoCoreError, exceptions.HTTPClientError, boto3.exceptions.Boto3Error) as error:
        raise LakeUnavailableError("S3_UNAVAILABLE", f"S3 could not be reached: {error}", where=uri) from error


def _not_conflicted(write: Callable[[], None]) -> None:
    """Do a conditional write again while S3 says that another one to the same key is under way."""
    for attempt in range(1, CONFLICT_ATTEMPTS + 1):
        try:
            write()
        except _ConflictedError:
            if attempt == CONFLICT_ATTEMPTS:
                raise
            time.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311 (jitter is no secret)
        else:
            return


class _Ranges(io.RawIOBase):
    """An object, read range by range; each only while it is still the same object."""

    def __init__(self, source: ObjectInfo) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        end = min(self._at + len(buffer), self._source.size)
        if self._at >= end:
            return 0
        data = self._range(self._at, end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _range(self, begin: int, end: int) -> bytes:
        """Bytes `begin` to `end`. botocore retries the request, but not an answer that breaks off: that is done here."""
        from botocore import exceptions

        bucket, key = split(self._source.uri)
        for attempt in range(1, RANGE_ATTEMPTS + 1):
            try:
                with _translated(self._source.uri):
                    answer = _client().get_object(
                        Bucket=bucket, Key=key, Range=f"bytes={begin}-{end - 1}", IfMatch=f'"{self._source.etag}"'
                    )
                    data = answer["Body"].read()
                if len(data) == end - begin:
                    return data
            except _ExistsError:
                raise SourceError("SOURCE_CHANGED", "the object changed while it was read", where=self._source.uri,
                                  mend="Deliver under another name, then ask again.") from None  # fmt: skip
            except LakeUnavailableError as error:
                if not isinstance(error.__cause__, exceptions.IncompleteReadError | exceptions.HTTPClientError):
                    raise
            time.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311 (jitter is no secret)
        raise LakeUnavailableError("S3_UNAVAILABLE", "S3's answers break off", where=self._source.uri)


class S3Store:
    """The objects the AWS SDK's environment points at. See sluice.lake.ObjectStore for every method."""

    def head(self, uri: str) -> ObjectInfo | None:
        bucket, key = split(uri)
        try:
            with _translated(uri):
                answer = _client().head_object(Bucket=bucket, Key=key)
        except SourceError:
            return None
        return ObjectInfo(uri, answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"],
                          answer.get("Metadata", {}).get("sha256"))  # fmt: skip

    def get(self, uri: str, path: Path) -> None:
        bucket, key = split(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _translated(uri):
            _client().download_file(bucket, key, str(path), Config=_transfer())

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        if sha256 is None:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        bucket, key = split(uri)
        extra = {"Metadata": {"sha256": sha256}, "ChecksumAlgorithm": "SHA256"}

        def upload() -> None:
            with _translated(uri), path.open("rb") as file:
                content: Any = file if final else _Proven(file, sha256, str(path))
                _writing_once().upload_fileobj(content, bucket, key, ExtraArgs=extra, Config=_transfer())

        return self._written(uri, sha256, path.stat().st_size, upload)

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        bucket, key = split(uri)
        source_bucket, source_key = split(source.uri)
        extra = {
            "Metadata": {"sha256": sha256},
            "MetadataDirective": "REPLACE",
            "CopySourceIfMatch": f'"{source.etag}"',
        }

        def copy() -> None:
            with _translated(uri):
                _writing_once().copy(
                    {"Bucket": source_bucket, "Key": source_key}, bucket, key, ExtraArgs=extra, Config=_transfer()
                )

        try:
            return self._written(uri, sha256, source.size, copy)
        except _ExistsError:  # and nothing is there: it was the source that was not what it should be
            raise SourceError("SOURCE_CHANGED", "the object changed while it was read", where=source.uri,
                              mend="Deliver under another name, then ask again.") from None  # fmt: skip

    def open(self, source: ObjectInfo) -> BinaryIO:
        return io.BufferedReader(_Ranges(source), RANGE)

    def read(self, uri: str) -> bytes:
        bucket, key = split(uri)
        with _translated(uri):
            return _client().get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        bucket, key = split(uri)
        client = _writing_once() if only_if_absent else _client()

        def send() -> None:
            with _translated(uri):
                client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

        try:
            _not_conflicted(send)
        except _ExistsError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        bucket, key = split(prefix)
        with _translated(prefix):
            for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                for item in page.get("Contents", ()):
                    uri = f"s3://{bucket}/{item['Key']}"
                    yield ObjectInfo(uri, item["Size"], item["ETag"].strip('"'), item["LastModified"])

    def delete(self, uri: str) -> None:
        bucket, key = split(uri)
        with _translated(uri):
            _client().delete_object(Bucket=bucket, Key=key)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        bucket, key = split(prefix)
        with _translated(prefix):
            for page in _client().get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
                for item in page.get("Uploads", ()):
                    yield Upload(f"s3://{bucket}/{item['Key']}", item["UploadId"], item["Initiated"])

    def abort(self, upload: Upload) -> None:
        from botocore.exceptions import ClientError

        bucket, key = split(upload.uri)
        with _translated(upload.uri):
            try:
                _client().abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.id)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "NoSuchUpload":
                    raise

    def _written(self, uri: str, sha256: str, size: int, write: Callable[[], None]) -> bool:
        """Write once; False when the same content lies there. After an unknown outcome the object itself tells.

        Raises ConflictError OBJECT_DIFFERS, and _ExistsError when the write was refused and nothing lies there.
        """
        there = self.head(uri)
        if there is None:
            try:
                _not_conflicted(write)
                return True
            except _ExistsError:
                there = self.head(uri)
                if there is None:
                    raise
            except LakeUnavailableError:
                with suppress(LakeUnavailableError):
                    there = self.head(uri)
                if there is None or not self._is(there, sha256, size):
                    raise
                return True
        if not self._is(there, sha256, size):
            raise ConflictError("OBJECT_DIFFERS", "another object lies where this one belongs", where=uri,
                                mend="Find out who writes there: what is landed is never replaced.")  # fmt: skip
        return False

    def _is(self, there: ObjectInfo, sha256: str, size: int) -> bool:
        """Whether the object has this content: by what its writer said, else by reading it."""
        if there.size != size:
            return False
        if there.sha256 is not None:
            return there.sha256 == sha256
        bucket, key = split(there.uri)
        digest = hashlib.sha256()
        with _translated(there.uri):
            for chunk in _client().get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == sha256


def ensure_bucket(lake: str, region: str) -> bool:
    """Create the lake's bucket when it does not exist; True when it was created."""
    bucket, _ = split(lake)
    if bucket_exists(lake):
        return False
    where: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with _translated(lake):
        _client().create_bucket(Bucket=bucket, **where)
    return True


def bucket_exists(lake: str) -> bool:
    """Whether the lake's bucket can be reached."""
    bucket, _ = split(lake)
    try:
        with _translated(lake):
            _client().head_bucket(Bucket=bucket)
    except SourceError:
        return False
    return True
