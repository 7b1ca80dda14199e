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
    from botocore.config import Config
    from pyiceberg.catalog.glue import GlueCatalog

    # Ten tries, pyiceberg's default, take minutes.
    retries: Any = {"mode": "standard", "max_attempts": TRIES}
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    client = aws.client("glue", Config(retries=retries, region_name=region))
    properties = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}
    # boto3 reads these variables itself; pyarrow's S3 client has to be told.
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        properties["s3.endpoint"] = endpoint
    if region:
        properties["s3.region"] = region
    return GlueCatalog("sluice", client=client, **properties)
