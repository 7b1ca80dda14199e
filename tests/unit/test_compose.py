"""docker-compose.yaml and Dockerfile: sound, without secrets, and speaking of settings that exist."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose_file import FILE, PROJECT, REQUIRED, MissingVariableError, compose, document, strings
from sluice import __version__
from sluice.settings import load

AIRFLOW_SERVICES = {"airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
OTHERS = {"postgres", "redis", "prometheus", "grafana"}
# Of the Compose specification, the keys a service of ours may have: a misspelt one is an error, not an option.
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "init", "logging", "networks",
    "ports", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "volumes",
}  # fmt: skip
CHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
# The options of the providers' sections that are set; tests/e2e/test_production_shape.py asks the providers.
PROVIDER_OPTIONS = {
    "CELERY": {"BROKER_URL", "RESULT_BACKEND", "WORKER_CONCURRENCY", "TASK_LOGS_TO_STDOUT"},
    "CELERY_BROKER_TRANSPORT_OPTIONS": {"VISIBILITY_TIMEOUT"},
    "FAB": {"ENABLE_PROXY_FIX", "COOKIE_SECURE"},
}
PASSED_ON = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
    "SLUICE_USER", "SLUICE_PASSWORD", "SLUICE_NOTIFY_MAIL", "SLUICE_NOTIFY_CHAT", "SLUICE_NOTIFY_EVENTS", "SLUICE_OPENLINEAGE",
}  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose(REQUIRED)["services"])


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return dict(document()["services"])


def settings_variables() -> set[str]:
    tree = ast.parse((PROJECT / "include" / "sluice" / "settings.py").read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if re.fullmatch(r"SLUICE_[A-Z_]+", text)}


def airflow_options() -> dict[str, set[str]]:
    spec = find_spec("airflow")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("Airflow is not installed")
    sections = yaml.safe_load(
        (Path(spec.submodule_search_locations[0]) / "config_templates" / "config.yml").read_text("utf-8")
    )
    return {name.upper(): {option.upper() for option in section["options"]} for name, section in sections.items()}


def test_the_services_are_those_of_the_design(services: dict[str, Any]) -> None:
    assert set(services) == AIRFLOW_SERVICES | OTHERS


def test_the_structure_is_composes(services: dict[str, Any]) -> None:
    whole = compose(REQUIRED)
    assert {key for key in whole if not key.startswith("x-")} == {"name", "services", "networks", "volumes", "secrets"}
    used_volumes = set()
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert isinstance(service["command"], list) if "command" in service else name == "grafana", name
        assert set(service.get("networks", ["default"])) <= set(whole["networks"]), name
        assert all(v is None or isinstance(v, str) for v in service.get("environment", {}).values()), name
        for dependency, how in service.get("depends_on", {}).items():
            assert dependency in services, name
            assert how["condition"] in ("service_healthy", "service_completed_successfully"), name
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            assert target.startswith("/"), volume
            if source.startswith("./"):
                assert (PROJECT / source).exists(), volume
            else:
                used_volumes.add(source)
    assert used_volumes == set(whole["volumes"])


def test_it_agrees_with_the_published_schema_where_that_is_installed() -> None:
    spec = find_spec("check_jsonschema")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("check-jsonschema, which carries the Compose specification, is not installed")
    import json

    import jsonschema

    schema = Path(spec.submodule_search_locations[0]) / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose(REQUIRED), json.loads(schema.read_text("utf-8")))


def test_it_starts_with_everything_that_is_required() -> None:
    assert compose(REQUIRED)["name"] == "sluice"


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_it_refuses_to_start_without(name: str) -> None:
    with pytest.raises(MissingVariableError, match=f"^{name}: ."):
        compose({k: v for k, v in REQUIRED.items() if k != name})
    with pytest.raises(MissingVariableError, match=f"^{name}: ."):
        compose(REQUIRED | {name: ""})


def test_nothing_else_is_required_and_the_example_names_it_all() -> None:
    text = FILE.read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(REQUIRED)
    optional = set(re.findall(r"\$\{(\w+):-", text)) | PASSED_ON
    example = (PROJECT / "include" / "deploy" / "env.example").read_text("utf-8")
    assert dict(line.split("=", 1) for line in example.splitlines() if re.match(r"\w+=", line)) == dict.fromkeys(
        REQUIRED, ""
    )
    assert {name for name in optional if name not in example} == set()
    guide = (PROJECT / "docs" / "production.md").read_text("utf-8")
    assert {name for name in optional | set(REQUIRED) if f"`{name}`" not in guide} == set()


def test_no_secret_is_written_down(raw: dict[str, Any]) -> None:
    """Wherever a secret could stand there is a required variable, without a default."""
    required = re.compile(r"\$\{\w+:\?[^}]+\}")
    found = 0
    for name, service in raw.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|FERNET|_KEY\b|AUTH$", key) and value is not None:
                assert required.fullmatch(value), f"{name}: {key}"
                found += 1
        for text in strings(service):
            for login in re.findall(r"://[^/\s]*:([^/\s]*?(?:\{[^}]*\})?)@", text):
                assert required.fullmatch(login), f"{name}: {text}"
                found += 1
    assert found > 20
    assert "AKIA" not in FILE.read_text("utf-8")


def test_the_file_of_secrets_is_neither_committed_nor_copied_into_the_image() -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=PROJECT, check=False).returncode == 0
    assert ".env" in (PROJECT / ".dockerignore").read_text("utf-8").split()


def test_every_variable_of_sluice_is_a_setting(services: dict[str, Any]) -> None:
    known = settings_variables()
    for name, service in services.items():
        own = {v for v in service.get("environment", {}) if v.startswith("SLUICE_")}
        assert {v for v in own if not v.startswith("SLUICE_NOTIFY_")} <= known, name


def test_every_variable_of_airflow_is_an_option(services: dict[str, Any]) -> None:
    options = airflow_options()
    for name, service in services.items():
        for variable in service.get("environment", {}):
            if variable.startswith("AIRFLOW__"):
                _, section, option = variable.split("__")
                assert option in options.get(section, set()) | PROVIDER_OPTIONS.get(section, set()), (
                    f"{name}: {variable}"
                )


def test_production_everywhere(services: dict[str, Any]) -> None:
    for name in AIRFLOW_SERVICES:
        environment = services[name]["environment"]
        settings = load({k: v for k, v in environment.items() if v is not None})
        assert settings.profile == "production", name
        assert settings.aws == "account", name
        assert settings.ledger_url == "postgresql+psycopg://ledger_app:app-secret@postgres:5432/ledger", name
        assert settings.source_roots == (Path("/srv/sources"),), name
        assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager"), name
        assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == "jwt-secret", name
        assert environment["AIRFLOW__API__SECRET_KEY"] == "api-secret", name


def test_only_those_who_need_them_hold_the_keys(services: dict[str, Any]) -> None:
    def holders(secret: str) -> set[str]:
        return {name for name, service in services.items() if any(secret in text for text in strings(service))}

    assert holders("adb-secret") == AIRFLOW_SERVICES - {"worker"} | {"postgres"}
    assert holders("fernet-secret") == AIRFLOW_SERVICES - {"worker"}
    assert holders("owner-secret") == {"airflow-init", "postgres"}
    assert holders("pg-secret") == {"postgres"}
    assert holders("grafana-secret") == {"grafana"}
    assert holders("metrics-secret") == {"api-server"}
    assert {name for name, service in services.items() if service.get("secrets") == ["metrics_token"]} == {"prometheus"}
    assert {name for name, service in services.items() if PASSED_ON & set(service.get("environment", {}))} == {"worker"}


def test_one_image_for_airflow_and_exact_versions_for_the_rest(services: dict[str, Any]) -> None:
    for name in AIRFLOW_SERVICES:
        assert services[name]["image"] == f"sluice:{__version__}", name
        assert services[name]["build"] == ".", name
    for name in OTHERS:
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", services[name]["image"]), name
    bases = re.findall(r"^ARG \w+=(\S+)$", (PROJECT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert [bool(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)) for base in bases] == [True]


def test_what_is_open_is_open_to_this_machine_alone(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"api-server", "prometheus", "grafana"}
    for name, ports in published.items():
        assert all(port.startswith("127.0.0.1:") for port in ports), name
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["data"]
    assert compose(REQUIRED)["networks"]["data"] == {"internal": True}


def test_each_service_is_watched_limited_and_logs_within_bounds(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name == "airflow-init":
            assert service["restart"] == "on-failure:3"
            continue
        assert service["restart"] == "unless-stopped", name
        assert set(service["healthcheck"]) == CHECK_KEYS, name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name


def test_nothing_of_airflow_starts_before_the_databases_are_current(services: dict[str, Any]) -> None:
    assert services["airflow-init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in AIRFLOW_SERVICES - {"airflow-init"}:
        assert services[name]["depends_on"]["airflow-init"] == {"condition": "service_completed_successfully"}, name
        assert services[name]["depends_on"]["redis"] == {"condition": "service_healthy"}, name


def test_a_workers_tasks_fit_into_its_memory(services: dict[str, Any]) -> None:
    worker = services["worker"]
    tasks, engine = int(worker["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"]), 1.0
    assert worker["environment"]["SLUICE_MEMORY_LIMIT"] == "1GB"
    assert tasks * engine * 1.5 <= float(worker["deploy"]["resources"]["limits"]["memory"].removesuffix("G"))


def test_the_image_runs_as_nobody_special_and_holds_no_tests() -> None:
    lines = (PROJECT / "Dockerfile").read_text("utf-8").splitlines()
    assert lines[-1] == "USER sluice"
    assert any("--compile-bytecode" in line and "requirements-production.txt" in line for line in lines)
    copied = [line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert copied == ["requirements-production.txt", "dags", "plugins", "expectations", "include"]
    ignored = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == set(copied)
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    version = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version is not None
    assert any(f"uv=={version[1]}" in line for line in lines)
