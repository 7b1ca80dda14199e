from __future__ import annotations

import dataclasses
import json
import os
import stat
from pathlib import Path

import pytest

from sluice.errors import StackError
from sluice.settings import Settings, load
from sluice.stack.airflow import airflow_environment
from sluice.stack.environment import inherited


def test_tasks_see_the_settings_of_who_started_the_stack(settings: Settings) -> None:
    seen = load(airflow_environment(settings))
    for field in dataclasses.fields(settings):
        if field.name not in ("project", "user", "password", "ledger_url"):
            assert getattr(seen, field.name) == getattr(settings, field.name), field.name
    assert seen.ledger == settings.ledger


def test_secrets_stay_the_same_and_are_private(settings: Settings, home: Path) -> None:
    users = {"ana": "admin"}
    assert airflow_environment(settings, users) == airflow_environment(settings, users)
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {
        "logins.json",
        "postgres.password",
        "airflow.jwt",
        "airflow.fernet",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(settings: Settings, home: Path) -> None:
    airflow_environment(settings, {"ana": "admin"})
    before = json.loads((home / "logins.json").read_text())
    environment = airflow_environment(settings, {"ana": "admin", "bob": "viewer"})
    after = json.loads((home / "logins.json").read_text())
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "ana:admin,bob:viewer"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(home / "logins.json")
    assert after["ana"] == before["ana"]
    assert after["bob"] != after["ana"]


def test_development_log_ins_are_refused_in_production(settings: Settings) -> None:
    with pytest.raises(StackError) as caught:
        airflow_environment(dataclasses.replace(settings, profile="production"), {"ana": "admin"})
    assert caught.value.code == "DEV_AUTH_IN_PRODUCTION"


@pytest.mark.parametrize("users", [{}, {"eve:admin,x": "viewer"}, {"ana": "owner"}])
def test_log_ins_that_would_not_mean_what_they_say_are_refused(settings: Settings, users: dict[str, str]) -> None:
    with pytest.raises(StackError) as caught:
        airflow_environment(settings, users)
    assert caught.value.code == "LOG_INS"


def test_any_postgresql_address_is_used_with_psycopg_3(settings: Settings) -> None:
    given = dataclasses.replace(settings, airflow_database_url="postgresql://u:p@db/airflow")
    environment = airflow_environment(given)
    for name in ("SQL_ALCHEMY_CONN", "SQL_ALCHEMY_CONN_ASYNC"):
        assert environment[f"AIRFLOW__DATABASE__{name}"] == "postgresql+psycopg://u:p@db/airflow"


def test_the_shell_does_not_point_parts_elsewhere(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AIRFLOW__API__HOST": "0.0.0.0",
        "AIRFLOW_HOME": "/elsewhere",
        "AWS_PROFILE": "company",
        "PGHOST": "elsewhere",
        "SLUICE_PASSWORD": "secret",
        "SLUICE_STACK_ID": "another",
        "AIRFLOW_CONN_PARTNER": "sftp://partner",
        "no_proxy": ".company",
    }.items():
        monkeypatch.setenv(name, value)
    environment = inherited(settings)
    assert environment["AIRFLOW_CONN_PARTNER"] == "sftp://partner"
    assert environment["NO_PROXY"] == ".company,127.0.0.1,localhost"
    assert not {"AIRFLOW__API__HOST", "AIRFLOW_HOME", "AWS_PROFILE", "PGHOST"} & environment.keys()
    assert not {"SLUICE_PASSWORD", "SLUICE_STACK_ID"} & environment.keys()
    account = inherited(dataclasses.replace(settings, aws="account"))
    assert account["AWS_PROFILE"] == "company"


def test_embedded_aws_never_reads_the_profiles_of_this_machine(settings: Settings) -> None:
    environment = airflow_environment(settings)
    assert environment["AWS_ENDPOINT_URL"] == settings.aws_endpoint
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
