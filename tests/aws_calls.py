"""What was asked of AWS while somebody listened, and whether the workers' role in include/deploy/iam allows it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

PROJECT = Path(__file__).parents[1]
STATEMENTS = json.loads((PROJECT / "include" / "deploy" / "iam" / "worker.json").read_text("utf-8"))["Statement"]
BUCKET = "company-lake"
"""The lake's bucket in the role; Sluice's folder in it is `sluice`."""

Call = tuple[str, str]
"""An action of IAM, and of S3's alone the resource."""

_OBJECTS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}


def listen(endpoint: str) -> None:
    """From now on moto server notes what it is asked."""
    for word in ("reset-recording", "start-recording"):
        assert httpx.post(f"{endpoint}/moto-api/recorder/{word}", trust_env=False).is_success


def heard(endpoint: str) -> set[Call]:
    """What moto server was asked since `listen`, which ends here."""
    assert httpx.post(f"{endpoint}/moto-api/recorder/stop-recording", trust_env=False).is_success
    text = httpx.get(f"{endpoint}/moto-api/recorder/download-recording", trust_env=False, timeout=60).text
    return {call for line in text.splitlines() for call in _calls(json.loads(line))}


def beyond_the_role(calls: Iterable[Call], bucket: str = BUCKET) -> set[Call]:
    """The calls that the role does not allow, or denies, where the lake's bucket is this one."""
    named = {(action, resource.replace(f":::{bucket}", f":::{BUCKET}", 1)) for action, resource in calls}
    return {call for call in named if not allowed(*call)}


def allowed(action: str, resource: str = "") -> bool:
    """Whether the role allows the action, on any resource where none is named, and nothing denies it."""

    def says(effect: str) -> bool:
        return any(
            action in _listed(s["Action"])
            and (not resource or any(fnmatchcase(resource, r) for r in _listed(s["Resource"])))
            for s in STATEMENTS
            if s["Effect"] == effect
        )

    return says("Allow") and not says("Deny")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _calls(recorded: Mapping[str, Any]) -> Iterator[Call]:
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    url = urlsplit(recorded["url"])
    service = re.search(r"Credential=[^,/]*/\d+/[\w-]+/(\w+)/", headers.get("authorization", ""))
    match service and service[1]:
        case "glue":
            yield f"glue:{headers['x-amz-target'].removeprefix('AWSGlue.')}", ""
            return
        case "lakeformation":
            yield f"lakeformation:{url.path.removeprefix('/')}", ""
            return
        case "sts":
            yield "sts:GetCallerIdentity", ""
            return
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    asked = parse_qs(url.query, keep_blank_values=True)
    if bucket == "moto-api":
        return
    if not key and recorded["method"] == "POST" and "delete" in asked:
        body = base64.b64decode(recorded["body"]).decode() if recorded["body_encoded"] else recorded["body"]
        yield from (("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{k}") for k in re.findall(r"<Key>([^<]+)</Key>", body))
    elif not key:
        action = "ListBucketMultipartUploads" if "uploads" in asked else "ListBucket"
        yield f"s3:{action}", f"arn:aws:s3:::{bucket}"
    elif recorded["method"] == "DELETE" and "uploadId" in asked:
        yield "s3:AbortMultipartUpload", f"arn:aws:s3:::{bucket}/{key}"
    else:
        yield f"s3:{_OBJECTS[recorded['method']]}", f"arn:aws:s3:::{bucket}/{key}"
