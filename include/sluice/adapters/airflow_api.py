"""Airflow's REST API and Sluice's routes on it, as a logged-in user; through httpx."""

from __future__ import annotations

from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sluice.errors import RefusedError, StackError, TransientError

DAG = "onboard_source"
TIMEOUT = 30.0
PAGE = 100
"""Rows of one answer: Airflow gives no more at once."""
REQUESTS = 1000
"""Requests of one answer: Sluice gives no more at once."""
CLEARINGS = 5
"""How often a clearing is tried. Airflow answers 409 or 500, and has done nothing, when its scheduler or another
clearing moves the same task at that moment: often just after a restart."""


class AirflowApi:
    """A session of one user. Raises StackError when nobody answers, TransientError when the server failed,
    RefusedError with the server's own reason.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self._password = password
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, headers={"Accept": "application/json"})

    def __enter__(self) -> Self:
        answer = self._send("POST", "/auth/token", json={"username": self.user, "password": self._password})
        if answer.status_code != 201:
            raise RefusedError("LOG_IN", f"{self.user} cannot log in at {self.url}", status=401,
                               mend="Set SLUICE_USER and SLUICE_PASSWORD.")  # fmt: skip
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """The JSON at a path."""
        return self._answer(self._send("GET", path, params=query))

    def requests(self, **query: str) -> list[dict[str, Any]]:
        """Every request that the query chooses, oldest first; read a page at a time."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get("/sluice/requests", limit=str(REQUESTS), offset=str(len(found)), **query)
            found += page
            if len(page) < REQUESTS:
                return found

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post JSON; the JSON that came back."""
        return self._answer(self._send("POST", path, json=body))

    def decide(
        self,
        request_id: str,
        gate: str,
        role: str,
        verdict: str,
        comment: str,
        evidence_digest: str | None,
        back_to: str | None = None,
    ) -> Any:
        """Post a decision on the evidence with this digest; a return names the stage to go back to."""
        body = {"gate": gate, "role": role, "verdict": verdict, "comment": comment, "evidence_digest": evidence_digest}
        if back_to is not None:
            body["back_to"] = back_to
        return self._answer(self._send("POST", f"/sluice/requests/{request_id}/decisions", json=body))

    def trigger(self, run_id: str, conf: dict[str, Any]) -> bool:
        """Start a run of `onboard_source`; False when the run exists already."""
        body = {"dag_run_id": run_id, "conf": conf, "logical_date": None}
        answer = self._send("POST", f"/api/v2/dags/{DAG}/dagRuns", json=body)
        if answer.status_code == 409:
            return False
        self._answer(answer)
        return True

    def run(self, run_id: str) -> dict[str, Any] | None:
        """The DAG run, or None when there is none."""
        answer = self._send("GET", f"/api/v2/dags/{DAG}/dagRuns/{run_id}")
        return None if answer.status_code == 404 else dict(self._answer(answer))

    def living_runs(self) -> set[str]:
        """The ids of all runs of the DAG that are queued or running, a hundred at a call."""
        found: set[str] = set()
        for state in ("queued", "running"):
            for offset in range(0, 100_000, PAGE):
                path = f"/api/v2/dags/{DAG}/dagRuns"
                page = self.get(path, state=state, limit=str(PAGE), offset=str(offset), order_by="id")["dag_runs"]
                found |= {run["dag_run_id"] for run in page}
                if len(page) < PAGE:
                    break
        return found

    def task_error(self, run_id: str, task_id: str) -> str:
        """Why the newest try of an unmapped task failed, in the words of its exception; empty when unknown."""
        base = f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task_id}"
        instance = self._send("GET", base)
        if instance.status_code != 200:
            return ""
        answer = self._send(
            "GET", f"{base}/logs/{instance.json().get('try_number', 1)}", params={"full_content": "true"}
        )
        lines = answer.json().get("content", []) if answer.status_code == 200 else []
        raised = [e for line in lines if isinstance(line, dict) for e in line.get("error_detail") or ()]
        return str(raised[0].get("exc_value", "")) if raised else ""

    @retry(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(CLEARINGS),
        wait=wait_random_exponential(multiplier=0.5, max=8),
        reraise=True,
    )
    def clear(self, run_id: str, task_ids: list[str] | None = None) -> None:
        """Clear a run's tasks (all, or these and what comes after them) so that they are done again."""
        body: dict[str, Any] = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": run_id,
            "include_downstream": True,
        }
        if task_ids:
            body["task_ids"] = task_ids
        self._answer(self._send("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", json=body))

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.ConnectError as error:
            raise StackError(
                "NOT_RUNNING", f"nobody answers at {self.url}", mend="Start the stack with `sluice up`."
            ) from error
        except httpx.HTTPError as error:
            raise TransientError("API_UNAVAILABLE", f"{self.url} did not answer: {error}") from error

    def _answer(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json()
        try:
            said = answer.json()
        except ValueError:
            said = {}
        detail = said.get("detail")
        broke = detail if isinstance(detail, dict) else {}  # what Airflow says when its database refused a write
        message = said.get("message") or broke.get("message") or str(detail or answer.reason_phrase)
        code, mend = said.get("code"), said.get("mend", "")
        if answer.is_server_error or (broke and answer.status_code == 409):
            raise TransientError(code or "API_FAILED", message, where=said.get("where") or answer.url.path, mend=mend)
        raise RefusedError(code or f"HTTP_{answer.status_code}", message, status=answer.status_code,
                           where=said.get("where", ""), mend=mend)  # fmt: skip
