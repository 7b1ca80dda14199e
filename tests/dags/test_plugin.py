"""What Airflow imports as plugins in every process: the door, and nothing behind it."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
LOAD = """
import sys
from airflow.plugins_manager import _get_plugins
names = {p.name for p in _get_plugins()[0]}
ours = sorted(m for m in sys.modules if str(getattr(sys.modules[m], "__file__", "") or "").startswith(FOLDER))
print(sorted(names), ours)
"""


def test_only_the_door_is_imported(tmp_path: Path) -> None:
    folder = str(PROJECT / "plugins")
    done = subprocess.run(
        [sys.executable, "-c", LOAD.replace("FOLDER", repr(folder))],
        env={
            "PATH": "/usr/bin:/bin",
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__PLUGINS_FOLDER": folder,
            "PYTHONPATH": str(PROJECT / "include"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
    assert last.endswith("['sluice_plugin']") and "'sluice'" in last, last


def test_a_starting_server_reads_ahead_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import sluice_plugin

    warmed, passed = threading.Event(), []
    monkeypatch.setattr(sluice_plugin, "SECONDS", 0.0)
    monkeypatch.setitem(sys.modules, "sluice_airflow.web.warming", SimpleNamespace(warm=warmed.set))

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    async def nothing() -> None: ...

    (entry,) = sluice_plugin.SluicePlugin.fastapi_root_middlewares
    door = entry["middleware"](app, *entry["args"], **entry["kwargs"])
    asyncio.run(door({"type": "http"}, nothing, nothing))
    assert not warmed.wait(0.2)
    asyncio.run(door({"type": "lifespan"}, nothing, nothing))
    assert warmed.wait(10)
    assert passed == ["http", "lifespan"]
