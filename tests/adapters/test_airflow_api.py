"""What is done about an API server that fails: tried again where that is safe, told in its own words where not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from sluice.adapters.airflow_api import CLEARINGS, AirflowApi
from sluice.errors import RefusedError, TransientError

COLLISION = {
    "detail": {
        "reason": "Unique constraint violation",
        "statement": "hidden",
        "orig_error": "hidden",
        "message": "Serious error when handling your request. Check logs for more details",
    }
}


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[tuple[AirflowApi, list[str]]]:
    """A server that gives these answers in turn (the last one for ever) and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        api = AirflowApi(f"http://127.0.0.1:{server.server_address[1]}", "admin", "secret")
        try:
            yield api, asked
        finally:
            api.__exit__()
            server.shutdown()


@pytest.mark.parametrize("status", [409, 500, 503])
def test_a_clearing_that_met_another_one_is_tried_again(status: int) -> None:
    with answering((status, COLLISION), (status, COLLISION), (200, {})) as (api, asked):
        api.clear("onb-a-1", ["land.table"])
    assert asked == ["/api/v2/dags/onboard_source/clearTaskInstances"] * 3


def test_a_clearing_is_given_up_in_the_end_with_what_the_server_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with answering((409, COLLISION)) as (api, asked), pytest.raises(TransientError) as raised:
        api.clear("onb-a-1")
    assert len(asked) == CLEARINGS
    assert raised.value.code == "API_FAILED"
    assert raised.value.message.startswith("Serious error") and raised.value.where.endswith("/clearTaskInstances")


def test_a_refusal_is_not_tried_again() -> None:
    with answering((404, {"detail": "the run was not found"})) as (api, asked), pytest.raises(RefusedError) as raised:
        api.clear("onb-a-1")
    assert len(asked) == 1
    assert (raised.value.status, raised.value.message) == (404, "the run was not found")


def test_only_what_is_safe_to_repeat_is_repeated() -> None:
    with answering((500, COLLISION)) as (api, asked), pytest.raises(TransientError):
        api.decide("onb-a-1", "admission", "security", "approve", "", None)
    assert len(asked) == 1
