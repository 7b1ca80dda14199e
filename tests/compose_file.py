"""docker-compose.yaml as Compose reads it: anchors merged, variables filled in, missing ones refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
FILE = PROJECT / "docker-compose.yaml"
REQUIRED = {
    "POSTGRES_PASSWORD": "pg-secret",
    "AIRFLOW_DB_PASSWORD": "adb-secret",
    "LEDGER_OWNER_PASSWORD": "owner-secret",
    "LEDGER_APP_PASSWORD": "app-secret",
    "REDIS_PASSWORD": "redis-secret",
    "AIRFLOW_FERNET_KEY": "fernet-secret",
    "AIRFLOW_JWT_SECRET": "jwt-secret",
    "AIRFLOW_API_SECRET_KEY": "api-secret",
    "GRAFANA_ADMIN_PASSWORD": "grafana-secret",
    "METRICS_TOKEN": "metrics-secret",
    "SLUICE_LAKE": "s3://company-lake",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
"""What Compose must refuse to start without, with a value for each."""

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\})")


class MissingVariableError(Exception):
    """A required variable is not set."""


def fill_in(text: str, environ: Mapping[str, str]) -> str:
    """The Compose interpolation that the file uses: `${A}`, `${A:-default}`, `${A:?message}` and `$$`."""

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        found = environ.get(match["name"], "")
        if not found and match["kind"] == ":?":
            raise MissingVariableError(f"{match['name']}: {match['rest']}")
        return found or (match["rest"] if match["kind"] == ":-" else "") or ""

    if "$" in _REFERENCE.sub("", text):
        raise ValueError(f"not an interpolation this file uses: {text!r}")
    return _REFERENCE.sub(value, text)


def document() -> dict[str, Any]:
    """The file with its anchors merged and nothing filled in."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def compose(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in. Raises MissingVariableError."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        return fill_in(node, environ) if isinstance(node, str) else node

    filled: dict[str, Any] = walk(document())
    return filled


def strings(node: Any) -> list[str]:
    """Every string of a part of the file."""
    if isinstance(node, dict):
        return [s for value in node.values() for s in strings(value)]
    if isinstance(node, list):
        return [s for value in node for s in strings(value)]
    return [node] if isinstance(node, str) else []


def environment(service: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """A service's environment; a variable without a value is passed on when it is set."""
    return {
        name: str(environ[name] if value is None else value)
        for name, value in service.get("environment", {}).items()
        if value is not None or name in environ
    }
