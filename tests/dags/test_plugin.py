"""What Airflow imports as plugins in every process: the door, and nothing behind it."""

import subprocess
import sys
from pathlib import Path

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
