"""Pages as a browser gets them: the real app on a real port, on a real ledger; only the log-in is ours.

Who is logged in is what the header or cookie `as` says. That Airflow's own log-in guards every route is shown on
the real stack, in tests/e2e.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pages_site import Site
from seeding import Stream

from browsers import chromium
from free_ports import free_ports
from sluice.settings import Settings
from sluice.stream.tools import connect


def logged_in(request: Request) -> SimpleAuthManagerUser:
    """The user that the header or cookie `as` names; `olga`, who holds no role, without one."""
    return SimpleAuthManagerUser(username=request.headers.get("as") or request.cookies.get("as") or "olga", role="user")


def framed(src: str) -> str:
    """A page of the server that shows one of ours as Airflow does, with exactly its sandbox."""
    return f'<!doctype html><iframe title="Sluice" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" src="{escape(src)}" width="1100" height="800"></iframe>'


@pytest.fixture
def policy_file(services: Settings) -> Path:
    """The policy in force; a module may bring its own."""
    return services.policy


@pytest.fixture
def site(
    services: Settings, ledger_url: str, lake: str, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Sluice's routes and pages on a fresh ledger."""
    import uvicorn

    from sluice_airflow.web import access, incidents, offboardings
    from sluice_airflow.web.app import app

    tools = connect(dataclasses.replace(services, ledger_url=ledger_url, lake=lake, policy=policy_file))
    access.tools.cache_clear()
    monkeypatch.setattr(access, "connect", lambda: tools)
    monkeypatch.setitem(app.dependency_overrides, access.readers, lambda: None)
    monkeypatch.setitem(app.dependency_overrides, incidents.restorers, lambda: None)
    monkeypatch.setitem(app.dependency_overrides, offboardings.enders, lambda: None)
    monkeypatch.setitem(app.dependency_overrides, get_user, logged_in)
    outer = FastAPI()
    outer.mount("/sluice", app)
    outer.add_api_route("/frame", framed, response_class=HTMLResponse)
    (port,) = free_ports(1)
    config = uvicorn.Config(
        outer, host="127.0.0.1", port=port, log_level="warning", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield Site(f"http://127.0.0.1:{port}/sluice", tools)
    finally:
        server.should_exit = True
        thread.join(10)
        for busy in threading.enumerate():
            if busy.name == "kept answer":
                busy.join(60)  # it reads the ledger, which is dropped next
        access.tools.cache_clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, once for the session."""
    with chromium() as running:
        yield running


@pytest.fixture
def stream(site: Site, tmp_path: Path) -> Stream:
    return Stream(site.tools, tmp_path)


@pytest.fixture
def as_user(site: Site, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page below /sluice/ as a user."""
    contexts = []

    def open_(user: str, path: str, **context: Any) -> Any:
        contexts.append(browser.new_context(extra_http_headers={"as": user}, **context))
        page = contexts[-1].new_page()
        page.goto(f"{site.url}/{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
