"""The AWS SDK's one session of this process. What the SDK reads of a service is read once for all its clients."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

_MAKING = Lock()
_DESCRIBED = ("s3", "glue", "lakeformation")


@cache
def session() -> Session:
    """The session, which finds region and credentials as the SDK does: in the environment, a profile, or a role."""
    import boto3

    return boto3.session.Session()


def client(service: str, config: Config) -> Any:
    """A new client of an AWS service. Raises botocore.exceptions.BotoCoreError."""
    with _MAKING:  # a session is for one thread at a time, a client for many
        return session().client(service, config=config)  # type: ignore[call-overload]


def preload() -> None:
    """Read the SDK's descriptions of services, a tenth of a second each, so that forks of this process need not."""
    loader = session()._session.get_component("data_loader")
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data_with_path(name)
    for service in _DESCRIBED:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
