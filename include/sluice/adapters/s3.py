"""ObjectStore on S3 through boto3; retries of a call are botocore's alone, bounded, in one layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sluice.errors import LakeUnavailableError, SourceError, TerminalError
from sluice.lake import ObjectInfo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_EXISTS = {"412", "PreconditionFailed"}


def client_config(total_max_attempts: int = 5) -> Any:
    """botocore's configuration: the one layer that retries a call."""
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": total_max_attempts}
    return Config(retries=retries, connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})


@cache
def _client() -> S3Client:
    import boto3

    return boto3.session.Session().client("s3", config=client_config())


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of an s3:// URI."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise TerminalError("BAD_URI", f"{uri!r} is not an s3:// URI")
    return parts.netloc, parts.path.lstrip("/")


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
        if code in _REFUSED:
            raise TerminalError("ACCESS_DENIED", f"AWS refused: {code}", where=uri,
                                mend="Grant the worker's role read access to it (s3:GetObject, s3:ListBucket).") from error  # fmt: skip
        raise LakeUnavailableError("S3_UNAVAILABLE", f"S3 answered {code}", where=uri) from error
    except exceptions.NoCredentialsError as error:
        raise TerminalError("NO_CREDENTIALS", "no AWS credentials were found", where=uri,
                            mend="Set AWS_PROFILE, or run with a role.") from error  # fmt: skip
    except (exceptions.BotoCoreError, exceptions.HTTPClientError, boto3.exceptions.Boto3Error) as error:
        raise LakeUnavailableError("S3_UNAVAILABLE", f"S3 could not be reached: {error}", where=uri) from error


class S3Store:
    """The objects the AWS SDK's environment points at. See sluice.lake.ObjectStore for every method."""

    def head(self, uri: str) -> ObjectInfo | None:
        bucket, key = split(uri)
        try:
            with _translated(uri):
                answer = _client().head_object(Bucket=bucket, Key=key)
        except SourceError:
            return None
        return ObjectInfo(uri, answer["ContentLength"], answer["ETag"].strip('"'))

    def get(self, uri: str, path: Path) -> None:
        bucket, key = split(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _translated(uri):
            _client().download_file(bucket, key, str(path))

    def put(self, path: Path, uri: str) -> None:
        bucket, key = split(uri)
        with _translated(uri):
            _client().upload_file(str(path), bucket, key)

    def read(self, uri: str) -> bytes:
        bucket, key = split(uri)
        with _translated(uri):
            return _client().get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        from botocore.exceptions import ClientError

        bucket, key = split(uri)
        condition: Any = {"IfNoneMatch": "*"} if only_if_absent else {}
        with _translated(uri):
            try:
                _client().put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, **condition)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code", "") in _EXISTS:
                    return False
                raise
        return True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        bucket, key = split(prefix)
        with _translated(prefix):
            for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                for item in page.get("Contents", ()):
                    yield ObjectInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))


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
