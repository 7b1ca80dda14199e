"""The environment of the local Airflow: its options, with their reasons, and its log-ins."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sluice.errors import StackError
from sluice.settings import Settings
from sluice.stack import keys, ports, postgres
from sluice.stack.environment import shared

_ROLES = ("viewer", "user", "op", "admin")
_SIMPLE_AUTH = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


def local_url(settings: Settings) -> str:
    """Where the local Airflow answers, wherever the command line otherwise looks for one."""
    return f"http://{ports.HOST}:{settings.airflow_port}"


def airflow_environment(settings: Settings, users: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables that Airflow needs here beyond the shell's own; with `users`, its log-ins too.

    Secrets that do not exist yet are made.
    """
    home, project = settings.home, settings.project
    if settings.embedded_postgres:
        postgres.password(settings)
    database = _psycopg(settings.airflow_database)
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": project / "dags",
            "plugins_folder": project / "plugins",
            "executor": "LocalExecutor",
            "parallelism": 8,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "max_active_runs_per_dag": 500,
            "fernet_key": keys.keep(home / "airflow.fernet"),
            "execution_api_server_url": f"{local_url(settings)}/execution/",
            "hostname_callable": "sluice.stack.hostname.loopback",
        },
        "database": {"sql_alchemy_conn": database, "sql_alchemy_conn_async": database},
        "api": {
            "host": ports.HOST,
            "port": settings.airflow_port,
            "base_url": local_url(settings),
            "secret_key": keys.keep(home / "airflow.secret"),
        },
        "api_auth": {"jwt_secret": keys.keep(home / "airflow.jwt")},
        "logging": {"colored_console_log": False},
        "dag_processor": {
            "refresh_interval": 5,
            "bundle_refresh_check_interval": 2,
            "dag_bundle_storage_path": home / "airflow" / "bundles",
        },
        "scheduler": {
            "scheduler_idle_sleep_time": 0.2,
            # After a crash the tasks of the dead scheduler go back to the queue, without using up a retry,
            # once its last heartbeat is older than the threshold; the default looks every 300 s only.
            "scheduler_health_check_threshold": 30,
            "orphaned_tasks_check_interval": 10,
            # A killed task under a living scheduler. Tasks send a heartbeat every 5 s from a process of their
            # own, so a busy machine would have to lose ten in a row to be taken for a dead one.
            "task_instance_heartbeat_timeout": 50,
            "task_instance_heartbeat_timeout_detection_interval": 5,
            # Never started: its worker died between taking and starting it.
            "task_queued_timeout": 300,
            "task_queued_timeout_check_interval": 30,
        },
        # The API server shares two cores with eight tasks; five seconds (the default) is too hasty.
        "workers": {"execution_api_timeout": 15},
    }
    if users is not None:
        options["core"] |= _log_ins(settings, users)
    paths = [project / "include", project / "plugins", *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **shared(settings),
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        **{
            f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
            for section, values in options.items()
            for name, value in values.items()
        },
    }


def refuse_production(settings: Settings) -> None:
    """Raise StackError DEV_AUTH_IN_PRODUCTION where passwords kept in a file would not do."""
    if settings.profile == "production":
        raise StackError(
            "DEV_AUTH_IN_PRODUCTION",
            "The local stack has development log-ins and does not start in the production profile",
            where="SLUICE_PROFILE=production",
            mend="Use docker-compose.yaml for production, or set SLUICE_PROFILE=development.",
        )


def _log_ins(settings: Settings, users: Mapping[str, str]) -> dict[str, object]:
    refuse_production(settings)
    if not users:
        raise StackError("LOG_INS", "The local Airflow needs at least one user", mend="Name one in the policy.")
    for name, role in users.items():
        # A colon or comma in a name would give its owner another role.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@-]*", name) or role not in _ROLES:
            raise StackError(
                "LOG_INS",
                f"User {name!r} with Airflow role {role!r} cannot log in",
                mend=f"Names are letters, digits and _ . @ -; roles are {', '.join(_ROLES)}.",
            )
    file = settings.home / "logins.json"
    keys.keep_log_ins(file, users)
    return {
        "auth_manager": _SIMPLE_AUTH,
        "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in users.items()),
        "simple_auth_manager_passwords_file": file,
        "simple_auth_manager_all_admins": False,
    }


def _psycopg(url: str) -> str:
    """With psycopg 3, which does sync and async; left alone, Airflow looks for asyncpg, which is not here."""
    scheme = urlsplit(url).scheme
    return url.replace(scheme, "postgresql+psycopg", 1) if scheme.startswith("postgres") else url
