"""Who the command line acts as: SLUICE_USER, or on the local development stack one of its own log-ins."""

from __future__ import annotations

import getpass
import json

from sluice.adapters.airflow_api import AirflowApi
from sluice.errors import StackError, TransientError, UsageError
from sluice.policy import load_policy
from sluice.settings import Settings

ADMIN = "admin"
REQUESTER = "remy"
LOG_INS = "logins.json"


def development_users(settings: Settings) -> dict[str, str]:
    """The local stack's users with their Airflow roles: an administrator, a requester, and the policy's members.

    Approvers are viewers: what they may decide comes from the policy, and Airflow lets them change nothing.
    """
    members = {m: "viewer" for role in load_policy(settings.policy).roles.values() for m in role.members}
    return {ADMIN: "admin", REQUESTER: "user"} | members


def session(settings: Settings, *, default: str | None = None, user: str | None = None) -> AirflowApi:
    """An API session as `user`, else as SLUICE_USER, else as the local stack's `default` log-in.

    Raises UsageError (WHO) when there is nobody to act as.
    """
    if settings.user is None and settings.profile == "development" and not (settings.home / LOG_INS).exists():
        raise StackError("NOT_RUNNING", "the local stack was never started", mend="Start it with `sluice up`.")
    name = user or settings.user or default
    if name is None:
        raise UsageError("WHO", "say who you are", mend="Set SLUICE_USER and SLUICE_PASSWORD, or give --user.")
    password = settings.password if name == settings.user and settings.password else local_log_ins(settings).get(name)
    if password is None:
        raise UsageError("WHO", f"no password is known for {name!r}", mend="Set SLUICE_USER and SLUICE_PASSWORD.")
    return AirflowApi(settings.airflow_url, name, password)


def acting(settings: Settings, user: str | None, *, offline: bool = False) -> str:
    """Who acts on the ledger: where people log in at all, whoever can; the name of one who cannot is nobody's word.

    Without a name it is the local stack's administrator; where no stack was ever started, whoever runs this.
    `offline`: what must not wait for a log-in (putting good data back) goes on while nobody answers, and says so.
    Raises UsageError (WHO), RefusedError (LOG_IN), StackError (NOT_RUNNING).
    """
    people_log_in = settings.profile == "production" or (settings.home / LOG_INS).exists()
    name = user or settings.user
    if not people_log_in:
        return name or getpass.getuser()
    default = ADMIN if settings.profile == "development" else None
    try:
        with session(settings, user=user, default=default) as api:
            return api.user
    except (StackError, TransientError):
        if not offline:
            raise
        return f"{name or getpass.getuser()} (not logged in)"


def local_log_ins(settings: Settings) -> dict[str, str]:
    """User → password of the local development stack; empty when it was never started."""
    file = settings.home / LOG_INS
    if settings.profile != "development" or not file.exists():
        return {}
    return dict(json.loads(file.read_text("utf-8")))
