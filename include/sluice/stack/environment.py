"""What the processes of the local stack find in their environment: our settings, whatever the shell says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sluice.settings import Settings
from sluice.stack.processes import PART_VARIABLE, STACK_VARIABLE

_LOOPBACK = ["127.0.0.1", "localhost"]


def inherited(settings: Settings) -> dict[str, str]:
    """The shell's environment without what would point a part elsewhere.

    Settings of another Airflow or PostgreSQL, the credentials of a real AWS account while AWS is embedded,
    and who the command line acts as are left out; Airflow connections and variables from the shell stay.
    """
    foreign = ("AIRFLOW__", "PG", *(("AWS_", "BOTO_") if settings.embedded_aws else ()))
    names = {
        "AIRFLOW_HOME",
        "AIRFLOW_CONFIG",
        "SLUICE_USER",
        "SLUICE_PASSWORD",
        "SLUICE_AIRFLOW_DATABASE_URL",
        STACK_VARIABLE,
        PART_VARIABLE,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name not in names}
    # A company's proxy must not stand between the parts of one machine.
    exempt = ",".join(dict.fromkeys([*kept.get("NO_PROXY", kept.get("no_proxy", "")).split(","), *_LOOPBACK]))
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    kept["NO_PROXY"] = kept["no_proxy"] = exempt.strip(",")
    # Process titles overwrite the environment that `down` recognises processes by, unless told not to.
    kept["SPT_NOENV"] = "1"
    kept["PYTHONUNBUFFERED"] = "1"
    if sys.platform == "darwin":
        kept["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # or forked Airflow workers are killed there
    return kept


def shared(settings: Settings) -> dict[str, str]:
    """Every setting as the variable it is read from: tasks see what the caller saw. And no telemetry."""
    environment = {
        "SLUICE_HOME": str(settings.home),
        "SLUICE_CONTRACTS": str(settings.contracts),
        "SLUICE_EXPECTATIONS": str(settings.expectations),
        "SLUICE_POLICY": str(settings.policy),
        "SLUICE_SOURCES": str(settings.sources),
        "SLUICE_SOURCE_ROOTS": os.pathsep.join(map(str, settings.source_roots)),
        "SLUICE_PROFILE": settings.profile,
        "SLUICE_LEDGER_URL": settings.ledger,
        "SLUICE_AWS": settings.aws,
        "SLUICE_LAKE": settings.lake,
        **({"SLUICE_CATALOG_URL": settings.catalog} if settings.local_lake else {}),
        "SLUICE_AIRFLOW_URL": settings.airflow_url,
        "SLUICE_AIRFLOW_PORT": str(settings.airflow_port),
        "SLUICE_AWS_PORT": str(settings.aws_port),
        "SLUICE_POSTGRES_PORT": str(settings.postgres_port),
        "SLUICE_MEMORY_LIMIT": settings.memory_limit,
        "SLUICE_DISK_LIMIT": str(settings.disk_limit or ""),
        "SLUICE_SEGMENT_BYTES": str(settings.segment_bytes),
        "SLUICE_THREADS": str(settings.threads),
        "AWS_DEFAULT_REGION": settings.region,
        "GX_ANALYTICS_ENABLED": "False",
        "SCARF_ANALYTICS": "False",
        "DO_NOT_TRACK": "1",
        **settings.aws_environment(),
    }
    if settings.embedded_aws:
        # A profile on this machine must not lead to a real account.
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return environment
