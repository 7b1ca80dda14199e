"""Where everything is: read once from the environment, with defaults that are the embedded local stack.

Pointing Sluice at a real PostgreSQL and a real AWS account is a matter of these variables alone;
README.md lists them. Nothing else in Sluice reads the environment.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sluice.errors import StackError, UsageError
from sluice.limits import DEFAULT_LIMITS, Limits

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_LAKE = "s3://sluice-lake"
DEFAULT_MEMORY = 2_000_000_000
DEFAULT_SEGMENT = 8_000_000_000

_UNITS = {"": 1, "b": 1} | {
    f"{p}{b}": k**n for n, p in enumerate("kmgt", 1) for b, k in (("", 1000), ("b", 1000), ("ib", 1024))
}


@dataclass(frozen=True)
class Settings:
    """Every setting, resolved. Paths are absolute."""

    project: Path
    home: Path
    """State of the local stack, git-ignored: databases, logs, pid files, scratch space."""
    contracts: Path
    expectations: Path
    policy: Path
    sources: Path
    """Where the relative paths of a contract without a folder of its own start."""
    source_roots: tuple[Path, ...]
    """Local sources must lie inside one of these; empty in development means anywhere."""
    profile: str
    """`development` or `production`; production refuses development log-ins and unlisted local sources."""
    ledger_url: str | None = field(repr=False)
    """SQLAlchemy URL of the ledger; None: the embedded PostgreSQL."""
    airflow_database_url: str | None = field(repr=False)
    """SQLAlchemy URL of Airflow's metadata; None: the embedded PostgreSQL."""
    aws: str
    """`embedded` (moto server on loopback) or `account` (whatever the AWS SDK's own variables say)."""
    lake: str
    """URI under which the lake lives: s3://company-lake (catalog: Glue), or file:///folder (catalog: PostgreSQL)."""
    region: str
    airflow_url: str
    airflow_port: int
    aws_port: int
    postgres_port: int
    user: str | None
    """Who the command line acts as."""
    password: str | None = field(repr=False)
    memory_limit: str
    """What the engine may hold in memory, as DuckDB writes it."""
    disk_limit: int | None
    """Bytes of scratch space that one table's landing may use; None: what the disk has."""
    threads: int
    catalog_url: str | None = field(default=None, repr=False)
    """SQLAlchemy URL of a file:// lake's catalog; None: the embedded PostgreSQL."""
    segment_bytes: int = DEFAULT_SEGMENT
    """Text files that are larger, unpacked, are landed in segments of this size at most; see docs/production.md."""
    limits: Limits = DEFAULT_LIMITS
    """How much of anything a source's file may hold."""
    sql_seconds: float = 60.0
    """How long one query that somebody wrote for a check may run."""
    failed_rows: int = 100_000
    """How many of the rows that break a rule are kept; 0 keeps none."""
    custom_expectations: Path = PROJECT / "plugins" / "expectations"
    """Python modules with Great Expectations classes of your own."""
    openlineage: str | None = field(default=None, repr=False)
    """Where lineage goes: a URL, `file:` and a path, or a transport's configuration as JSON; None: nowhere."""
    metrics_token: str | None = field(default=None, repr=False)
    """What Prometheus shows at /sluice/metrics; without it only those who are logged in at Airflow are answered."""
    public_url: str = ""
    """Where people reach the Airflow UI: the beginning of every link in a letter."""

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes."""
        return int(self.memory_limit.removesuffix("B"))

    @property
    def embedded_postgres(self) -> bool:
        return (
            self.ledger_url is None
            or self.airflow_database_url is None
            or (self.local_lake and self.catalog_url is None)
        )

    @property
    def local_lake(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return self.lake.startswith("file://")

    @property
    def catalog(self) -> str:
        """SQLAlchemy URL of a file:// lake's catalog, embedded or not. Raises UsageError where there is neither."""
        if self.catalog_url is None and not (self.home / "postgres.password").exists():
            raise UsageError("NO_CATALOG", "a file:// lake needs a catalog in PostgreSQL", where=self.lake,
                             mend="Run `sluice up`, or set SLUICE_CATALOG_URL.")  # fmt: skip
        return self.catalog_url or self.database_url("catalog")

    @property
    def embedded_aws(self) -> bool:
        return self.aws == "embedded"

    @property
    def aws_endpoint(self) -> str:
        """Address of the embedded AWS."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def scratch(self) -> Path:
        """Space for files on their way; safe to delete when nothing runs."""
        return self.home / "scratch"

    def database_url(self, database: str) -> str:
        """SQLAlchemy URL of a database in the embedded PostgreSQL."""
        try:
            password = (self.home / "postgres.password").read_text().strip()
        except FileNotFoundError as error:
            raise StackError(
                "NOT_RUNNING", "the local stack was never started", mend="Start it with `sluice up`."
            ) from error
        return f"postgresql+psycopg://sluice:{password}@127.0.0.1:{self.postgres_port}/{database}"

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger, embedded or not."""
        return self.ledger_url or self.database_url("ledger")

    @property
    def airflow_database(self) -> str:
        """SQLAlchemy URL of Airflow's metadata database, embedded or not."""
        return self.airflow_database_url or self.database_url("airflow")

    def aws_environment(self) -> dict[str, str]:
        """What the AWS SDK must find in the environment to reach the embedded AWS; empty for a real account."""
        if not self.embedded_aws:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: the process's own).

    Raises UsageError naming the variable that cannot be understood.
    """
    env = os.environ if environ is None else environ

    def path(name: str, default: Path) -> Path:
        return Path(env.get(name) or default).expanduser().resolve()

    def port(name: str, default: int) -> int:
        text = env.get(name) or str(default)
        if not text.isdigit() or not 1 <= int(text) <= 65535:
            raise UsageError("SETTING", f"{name}={text!r} is not a port (1-65535)", mend=f"Set {name} to a free port.")
        return int(text)

    def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = env.get(name) or default
        if text not in allowed:
            raise UsageError("SETTING", f"{name}={text!r} is not one of {', '.join(allowed)}")
        return text

    def size(name: str) -> int | None:
        text = env.get(name) or ""
        if not text:
            return None
        shape = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
        unit = _UNITS.get(shape[2].lower()) if shape else None
        if shape is None or unit is None or (found := int(float(shape[1]) * unit)) < 1:
            raise UsageError("SETTING", f"{name}={text!r} is not a size", mend=f"Give bytes or a unit: {name}=20GB.")
        return found

    def number(name: str, default: float, least: float) -> float:
        try:
            found = float(env.get(name) or default)
        except ValueError:
            found = math.nan
        if not math.isfinite(found) or found < least:
            raise UsageError("SETTING", f"{name}={env[name]!r} is not a number from {least:g} up")
        return found

    home = path("SLUICE_HOME", PROJECT / ".sluice")
    airflow_port = port("SLUICE_AIRFLOW_PORT", 8080)
    airflow_url = (env.get("SLUICE_AIRFLOW_URL") or f"http://127.0.0.1:{airflow_port}").rstrip("/")
    threads = env.get("SLUICE_THREADS") or str(os.cpu_count() or 2)
    if not threads.isdigit() or int(threads) < 1:
        raise UsageError("SETTING", f"SLUICE_THREADS={threads!r} is not a number of threads")
    roots = env.get("SLUICE_SOURCE_ROOTS", "")
    lake = lake_uri(env.get("SLUICE_LAKE") or remembered_lake(home) or DEFAULT_LAKE)
    return Settings(
        project=PROJECT,
        home=home,
        contracts=path("SLUICE_CONTRACTS", PROJECT / "include" / "contracts"),
        expectations=path("SLUICE_EXPECTATIONS", PROJECT / "expectations"),
        policy=path("SLUICE_POLICY", PROJECT / "include" / "policy.yaml"),
        sources=path("SLUICE_SOURCES", home / "sources"),
        source_roots=tuple(Path(r).expanduser().resolve() for r in roots.split(os.pathsep) if r),
        profile=choice("SLUICE_PROFILE", "development", ("development", "production")),
        ledger_url=env.get("SLUICE_LEDGER_URL") or None,
        airflow_database_url=env.get("SLUICE_AIRFLOW_DATABASE_URL") or None,
        aws=choice("SLUICE_AWS", "embedded", ("embedded", "account")),
        lake=lake,
        region=env.get("AWS_DEFAULT_REGION") or env.get("AWS_REGION") or "eu-west-1",
        airflow_url=airflow_url,
        airflow_port=airflow_port,
        aws_port=port("SLUICE_AWS_PORT", 5566),
        postgres_port=port("SLUICE_POSTGRES_PORT", 5466),
        user=env.get("SLUICE_USER") or None,
        password=env.get("SLUICE_PASSWORD") or None,
        memory_limit=f"{size('SLUICE_MEMORY_LIMIT') or DEFAULT_MEMORY}B",
        disk_limit=size("SLUICE_DISK_LIMIT"),
        threads=int(threads),
        catalog_url=env.get("SLUICE_CATALOG_URL") or None,
        segment_bytes=size("SLUICE_SEGMENT_BYTES") or DEFAULT_SEGMENT,
        limits=_limits(env),
        sql_seconds=number("SLUICE_SQL_SECONDS", 60.0, 0.001),
        failed_rows=int(number("SLUICE_FAILED_ROWS", 100_000, 0)),
        custom_expectations=path("SLUICE_CUSTOM_EXPECTATIONS", PROJECT / "plugins" / "expectations"),
        openlineage=env.get("SLUICE_OPENLINEAGE") or None,
        metrics_token=env.get("SLUICE_METRICS_TOKEN") or None,
        public_url=(env.get("SLUICE_PUBLIC_URL") or airflow_url).rstrip("/"),
    )


def secret(source: str, environ: Mapping[str, str] | None = None) -> str | None:
    """What `env:NAME` or `connection:ID` of the policy stands for, from the environment; None when it is not set.

    Only variables made for this can be named, so that a policy cannot send any other secret anywhere.
    An Airflow connection is found here if it is kept in the environment (AIRFLOW_CONN_<ID>, an Apprise URL or
    JSON with it in `extra.url`); tasks of Airflow also find the others.
    """
    env = os.environ if environ is None else environ
    kind, _, name = source.partition(":")
    if kind == "env":
        return env.get(name) if name.startswith("SLUICE_NOTIFY_") else None
    return connection_url(env.get(f"AIRFLOW_CONN_{name.upper()}"))


def connection_url(text: str | None) -> str | None:
    """The Apprise URL in an Airflow connection's text: the text itself, or the `url` of its `extra`."""
    if not text or not text.lstrip().startswith("{"):
        return text
    try:
        extra = json.loads(text).get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except (ValueError, AttributeError) as error:
        raise UsageError("SETTING", "a connection is neither a URL nor JSON") from error
    return extra.get("url")


def lake_uri(text: str) -> str:
    """The lake's URI as it is kept: no slash at its end, a folder's resolved and quoted.

    Raises UsageError (SETTING) for what is neither an s3:// URI nor a file:// URI of an absolute folder.
    """
    lake = text.strip().rstrip("/")
    if lake.startswith("file://"):
        parts = urlsplit(lake)
        folder = Path(unquote(parts.path))
        if parts.netloc in ("", "localhost") and folder.is_absolute() and len(folder.parts) > 1 and not parts.query:
            return folder.resolve().as_uri()
    elif lake.startswith("s3://") and len(lake) > len("s3://"):
        return lake
    raise UsageError("SETTING", f"SLUICE_LAKE={lake!r} is neither an s3:// URI nor a file:// URI of a folder",
                     mend="Use s3://BUCKET, s3://BUCKET/PREFIX or file:///FOLDER.")  # fmt: skip


def remembered_lake(home: Path) -> str | None:
    """The lake that `sluice up --lake` was told, kept in the home; None when none was."""
    try:
        return (home / "lake").read_text("utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _limits(env: Mapping[str, str]) -> Limits:
    def positive(name: str, default: float) -> float:
        text = env.get(name) or str(default)
        try:
            value = float(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise UsageError("SETTING", f"{name}={text!r} is not a number above 0", mend=f"Set {name} to a number.")
        return value

    default = DEFAULT_LIMITS
    return Limits(
        unpacked_bytes=int(positive("SLUICE_MAX_UNPACKED_BYTES", default.unpacked_bytes)),
        unpack_ratio=positive("SLUICE_MAX_UNPACK_RATIO", default.unpack_ratio),
        archive_entries=int(positive("SLUICE_MAX_ARCHIVE_ENTRIES", default.archive_entries)),
        archive_nesting=int(positive("SLUICE_MAX_ARCHIVE_NESTING", default.archive_nesting)),
        columns=int(positive("SLUICE_MAX_COLUMNS", default.columns)),
        line_bytes=int(positive("SLUICE_MAX_LINE_BYTES", default.line_bytes)),
        files=int(positive("SLUICE_MAX_FILES", default.files)),
        json_nesting=int(positive("SLUICE_MAX_JSON_NESTING", default.json_nesting)),
        json_record_bytes=int(positive("SLUICE_MAX_JSON_RECORD_BYTES", default.json_record_bytes)),
    )
