from __future__ import annotations

import dataclasses
import json

import pytest

from sluice.errors import LakeUnavailableError
from sluice.settings import Settings
from sluice.stack import aws, postgres
from sluice.stack.local import doctor


def missing_bucket() -> str:
    raise LakeUnavailableError("NO_BUCKET", "Bucket sluice-lake does not exist")


def test_a_stack_that_never_ran_is_unhealthy_throughout(settings: Settings) -> None:
    found = doctor(settings, missing_bucket)
    assert list(found) == ["airflow", "aws", "ledger", "buckets", "database"]
    assert not any(part["healthy"] for part in found.values())
    assert "sluice up" in found["ledger"]["detail"]
    assert "NO_BUCKET" in found["buckets"]["detail"]


def test_parts_that_run_are_healthy_and_no_password_is_told(settings: Settings) -> None:
    aws.start(settings)
    postgres.start(settings)
    postgres.wait(settings)
    aws.wait(settings)
    found = doctor(settings, lambda: "2 buckets")
    healthy = {name: part["healthy"] for name, part in found.items()}
    assert healthy == {"airflow": False, "aws": True, "ledger": True, "buckets": True, "database": True}
    assert found["aws"]["address"] == settings.aws_endpoint
    assert found["ledger"]["address"] == f"postgresql://sluice@127.0.0.1:{settings.postgres_port}/ledger"
    assert (settings.home / "postgres.password").read_text().strip() not in json.dumps(found)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:SECRET@127.0.0.1:1/ledger",
        "postgresql://u@127.0.0.1:1/ledger?password=SECRET",
        "postgresql://u:SECRET@127.0.0.1:port/ledger",
        "postgresql://u@127.0.0.1:1/ledger?password=SECRET&nonsense",
        "mysql://u:SECRET@127.0.0.1/ledger",
        "SECRET",
    ],
)
def test_a_database_out_of_reach_is_told_without_its_password(settings: Settings, url: str) -> None:
    found = doctor(dataclasses.replace(settings, ledger_url=url, aws="account"))
    assert not found["ledger"]["healthy"]
    assert "SECRET" not in json.dumps(found)
    assert found["aws"]["address"] == "account"
