"""What Airflow imports in every process: a door to Sluice's web routes that opens at the first knock."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from sluice.navigation import PAGES

SECONDS = 3.0
"""The server starts first."""


class LazyApp:
    """An ASGI app that imports the real one when it is first called, so that workers never pay for it."""

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
    ) -> None:
        from sluice_airflow.web.app import app

        await app(scope, receive, send)


class ReadAhead:
    """Reads what the pages need as soon as an API server has started, so that nobody waits for it; passes all through."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]
    ) -> None:
        if scope["type"] == "lifespan":
            threading.Thread(target=_read_ahead, daemon=True, name="read ahead").start()
        await self.app(scope, receive, send)


def _read_ahead() -> None:
    time.sleep(SECONDS)
    from sluice_airflow.web.warming import warm

    warm()


class SluicePlugin(AirflowPlugin):
    """Sluice in the Airflow API server."""

    name = "sluice"
    fastapi_apps: ClassVar[list[Any]] = [{"app": LazyApp(), "url_prefix": "/sluice", "name": "Sluice"}]
    fastapi_root_middlewares: ClassVar[list[Any]] = [
        {"middleware": ReadAhead, "args": [], "kwargs": {}, "name": "Sluice reads ahead"}
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": name,
            "href": f"/sluice/pages/{page}",
            "destination": "nav",
            "category": "Sluice",
            "url_route": f"sluice-{page}",
        }
        for page, name in PAGES
    ] + [
        {
            "name": "Approvals",
            "href": "/sluice/pages/inbox?run={RUN_ID}",
            "destination": "dag_run",
            "url_route": "sluice-approvals",
        },
        {
            "name": "Timeline",
            "href": "/sluice/pages/requests/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "sluice-timeline",
        },
    ]
