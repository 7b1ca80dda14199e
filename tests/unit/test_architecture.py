"""Who may import whom: `dags → sluice_airflow → sluice`, SDKs each in one adapter, the domain knows none."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LIBRARY = PROJECT / "include" / "sluice"

HOMES = {
    "boto3": {"adapters/aws.py", "adapters/stores/s3.py"},
    "botocore": {"adapters/aws.py", "adapters/stores/s3.py", "adapters/catalogs", "adapters/access"},
    "pyiceberg": {"adapters/catalogs"},
    "duckdb": {"adapters/duck"},
    "great_expectations": {"adapters/gx"},
    "pandas": {"adapters/gx"},
    "sqlalchemy": {"adapters/ledger", "adapters/catalogs"},
    "alembic": {"adapters/ledger"},
    "pyarrow": {"adapters/duck", "adapters/gx", "adapters/catalogs"},
    "fastavro": {"adapters/duck"},
    "python_calamine": {"adapters/duck"},
    "zstandard": {"adapters/duck"},
    "httpx": {"adapters/airflow_api.py", "adapters/channels", "stack"},
    "prometheus_client": {"adapters/prometheus.py"},
    "openlineage": {"adapters/lineage.py"},
    "apprise": {"adapters/channels"},
    "psycopg": {"stack"},
    "psutil": {"stack"},
    "click": {"cli"},
    "stdnum": {"pii"},
    "phonenumbers": {"pii"},
    "faker": {"pii"},
    "holidays": {"policy/calendars.py"},
    "simpy": {"simulation"},
}
DOMAIN = [
    "evidence_changes",
    "evidence_parts",
    "governance",
    "audit",
    "access",
    "approval",
    "calendars",
    "catalog",
    "catalog_out",
    "chain",
    "cost",
    "data_docs",
    "digests",
    "evidence",
    "flow",
    "forecast",
    "histories",
    "holding",
    "insight",
    "lake",
    "ledger",
    "notifications",
    "onboarding",
    "outbox",
    "overview",
    "pii",
    "policy",
    "pull",
    "publications",
    "registration",
    "review",
    "running",
    "stages",
    "telemetry",
    "contract",
    "checks",
    "draft",
]


def modules(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def mentions(path: Path, names: Iterable[str]) -> bool:
    """Whether a file could import one of them: to parse them all takes a tenth of the unit tests' time."""
    text = path.read_text("utf-8")
    return any(name in text for name in names)


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also those within others; expressions, which hold none, are most of a tree."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            if isinstance(inner := getattr(node, part, None), list):
                waiting += inner


@cache
def imports(path: Path, *, top_level_only: bool = False) -> tuple[tuple[str, int], ...]:
    """What a file imports: (module, line)."""
    tree = parsed(path)
    found: list[tuple[str, int]] = []
    for node in tree.body if top_level_only else statements(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
    return tuple(found)


def within(module: str, roots: set[str]) -> bool:
    return module.split(".", maxsplit=1)[0] in roots


def test_the_library_knows_neither_airflow_nor_the_layers_above() -> None:
    above = {"airflow", "sluice_airflow", "sluice_plugin", "dags"}
    assert [
        (str(p), m, line) for p in modules(LIBRARY) if mentions(p, above) for m, line in imports(p) if within(m, above)
    ] == []


def test_each_sdk_lives_in_its_one_adapter() -> None:
    strays = []
    for path in modules(LIBRARY):
        here = path.relative_to(LIBRARY).as_posix()
        if not mentions(path, HOMES):
            continue
        for module, line in imports(path):
            homes = HOMES.get(module.split(".")[0])
            if homes and not any(here == home or here.startswith(home + "/") for home in homes):
                strays.append((here, line, module))
    assert strays == []


@pytest.mark.parametrize("name", DOMAIN)
def test_the_domain_imports_no_adapter_and_asks_nobody_for_the_time(name: str) -> None:
    place = LIBRARY / name
    for path in modules(place) if place.is_dir() else [place.with_suffix(".py")]:
        outer = [
            m
            for m, _ in imports(path)
            if m.startswith(("sluice.adapters", "sluice.stack", "sluice.stream", "sluice.cli"))
        ]
        assert not outer, path
        assert "datetime.now" not in path.read_text("utf-8"), path


@pytest.mark.parametrize(
    "path", [*modules(PROJECT / "dags"), PROJECT / "plugins" / "sluice_plugin.py"], ids=lambda p: p.name
)
def test_what_airflow_parses_imports_nothing_heavy(path: Path) -> None:
    heavy = {"great_expectations", "pandas", "pyarrow", "boto3", "duckdb", "pyiceberg", "sqlalchemy", "httpx"}
    assert not [m for m, _ in imports(path, top_level_only=True) if within(m, heavy)]


def test_every_top_level_entry_is_agreed() -> None:
    import subprocess

    files = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    agreed = {
        "dags", "plugins", "expectations", "include", "tests", "docs", "docker-compose.yaml", "requirements.txt", "requirements-dev.txt",
        "requirements-production.txt", "requirements-bench.txt", "README.md", "pyproject.toml", "Makefile", "Dockerfile", "LICENSE", ".ci", ".gitignore", ".dockerignore",
    }  # fmt: skip
    assert {f.split("/")[0] for f in files} <= agreed
