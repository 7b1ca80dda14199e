"""Who the command line acts as: a name that cannot log in is nobody's word, and good data does not wait for a log-in."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from free_ports import free_ports
from sluice.cli.identity import LOG_INS, acting
from sluice.errors import StackError, UsageError
from sluice.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A stack that was started once, and does not answer now."""
    (tmp_path / LOG_INS).write_text(json.dumps({"admin": "a", "olga": "b"}))
    (port,) = free_ports(1)
    return load({"SLUICE_HOME": str(tmp_path), "SLUICE_AIRFLOW_PORT": str(port)})


def test_where_people_log_in_a_name_alone_closes_no_incident(settings: Settings) -> None:
    with pytest.raises(StackError, match="NOT_RUNNING"):
        acting(settings, "olga")
    with pytest.raises(UsageError, match="WHO"):
        acting(settings, "mallory", offline=True)


def test_good_data_comes_back_all_the_same_and_the_record_says_who_could_not_be_asked(settings: Settings) -> None:
    assert acting(settings, "olga", offline=True) == "olga (not logged in)"
    assert acting(settings, None, offline=True) == f"{getpass.getuser()} (not logged in)"


def test_where_no_stack_was_ever_started_it_is_whoever_runs_it(tmp_path: Path) -> None:
    assert acting(load({"SLUICE_HOME": str(tmp_path)}), None) == getpass.getuser()
