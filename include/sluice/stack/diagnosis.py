"""What `doctor` finds: for each part whether it is healthy, where it is, and what is the matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict
from urllib.parse import urlsplit

import httpx
import psycopg

from sluice.errors import SluiceError
from sluice.settings import Settings
from sluice.stack import aws, components, postgres


class PartHealth(TypedDict):
    """One part's answer."""

    healthy: bool
    address: str
    detail: str


def doctor(settings: Settings, check_buckets: Callable[[], str] | None = None) -> dict[str, PartHealth]:
    """The health of `airflow`, `aws`, `ledger`, `buckets` and `database`; never a password in it.

    `check_buckets` returns a detail, and raises a SluiceError when a bucket is missing or out of reach.
    """
    airflow = _airflow(settings)
    return {
        "airflow": airflow,
        "aws": _aws(settings),
        "ledger": _database(settings, settings.ledger_url, "ledger"),
        "buckets": _buckets(settings, check_buckets),
        "database": _airflow_database(settings, airflow),
    }


def _airflow(settings: Settings) -> PartHealth:
    address = _without_password(settings.airflow_url)
    try:
        answer = components.health(settings.airflow_url)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return PartHealth(healthy=False, address=address, detail=f"does not answer ({type(error).__name__})")
    if bad := components.unhealthy(answer):
        return PartHealth(healthy=False, address=address, detail=f"not healthy: {', '.join(bad)}")
    detail = "metadatabase, scheduler, triggerer and dag_processor are healthy"
    return PartHealth(healthy=True, address=address, detail=detail)


def _aws(settings: Settings) -> PartHealth:
    if not settings.embedded_aws:
        detail = f"a real account, {settings.region}; not asked"
        return PartHealth(healthy=True, address="account", detail=detail)
    healthy = aws.answers(settings)
    detail = "moto server; forgets everything on `down`" if healthy else "moto server does not answer"
    return PartHealth(healthy=healthy, address=settings.aws_endpoint, detail=detail)


def _buckets(settings: Settings, check: Callable[[], str] | None) -> PartHealth:
    if check is None:
        return PartHealth(healthy=False, address=settings.lake, detail="not looked at")
    try:
        return PartHealth(healthy=True, address=settings.lake, detail=check())
    except SluiceError as error:
        return PartHealth(healthy=False, address=settings.lake, detail=str(error))


def _airflow_database(settings: Settings, airflow: PartHealth) -> PartHealth:
    if settings.profile == "production" and settings.airflow_database_url is None:
        # Workers there are not told where it is; Airflow itself says whether it is well.
        healthy = "metadatabase" not in airflow["detail"] or airflow["healthy"]
        return PartHealth(
            healthy=healthy and "answer" not in airflow["detail"], address=airflow["address"], detail="as Airflow says"
        )
    return _database(settings, settings.airflow_database_url, "airflow")


def _database(settings: Settings, given: str | None, embedded: str) -> PartHealth:
    if given is None and not postgres.exists(settings):
        address = f"postgresql://127.0.0.1:{settings.postgres_port}/{embedded}"
        return PartHealth(healthy=False, address=address, detail="never started; run `sluice up`")
    url = given or settings.database_url(embedded)
    scheme, _, rest = url.partition(":")
    if not scheme.startswith("postgres"):
        return PartHealth(healthy=False, address=_without_password(url), detail="not PostgreSQL")
    url = f"postgresql:{rest}"  # without SQLAlchemy's driver
    address = _without_password(url)
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return PartHealth(healthy=False, address=address, detail=" ".join(str(error).split()))
    except psycopg.ProgrammingError:  # its message repeats the address, password and all
        return PartHealth(healthy=False, address=address, detail="the address cannot be understood")
    return PartHealth(healthy=True, address=address, detail="answers")


def _without_password(url: str) -> str:
    """Scheme, user, host, port and path; the query is left out too, as it may hold a password."""
    try:
        parts = urlsplit(url)
        if not parts.netloc:
            return "(not an address)"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not an address)"
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname or ''}{port}{parts.path}"
