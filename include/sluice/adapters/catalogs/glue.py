"""Iceberg's catalog in AWS Glue, where the AWS SDK's own environment points."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sluice.adapters import aws

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


TRIES = 4
"""How often botocore repeats one call to Glue; the stage is repeated by the orchestrator."""


def load_glue() -> Catalog:
    """The Glue catalog; nothing is asked of it yet."""
    from pyiceberg.catalog import load_catalog

    properties: dict[str, Any] = {"type": "glue", "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}
    # pyiceberg would make a session of its own, and read again what the SDK knows of Glue.
    properties["botocore_session"] = aws.session()._session
    # A number, which pyiceberg hands to botocore as it is. Ten tries, its default, take minutes.
    properties["glue.max-retries"] = TRIES
    # boto3 reads these variables itself; pyarrow's S3 client has to be told.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        properties["s3.endpoint"] = endpoint
    if region := os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"):
        properties |= {"s3.region": region, "glue.region": region}
    return load_catalog("sluice", **properties)
