"""What a component that forks the tasks has imported before: all that a task would import, and no thread."""

import ast
import json
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "include" / "sluice"
WORK = (
    "stream",
    "adapters/duck",
    "adapters/gx",
    "adapters/stores",
    "adapters/catalogs",
    "adapters/ledger",
    "pii",
    "policy",
)
RARE = {"alembic", "sluice.trial_report"}
"""For migrations, and for the command line."""
PRELOAD = """
import json, sys, threading
from sluice.stack.preloaded import preload
preload()
print(json.dumps([threading.active_count(), sorted(sys.modules)]))
"""


def imported_late() -> set[str]:
    """Every module that is imported inside a function of what tasks run."""
    found = set()
    for file in (f for folder in WORK for f in (LIBRARY / folder).rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import):
                        found |= {a.name for a in node.names}
                    elif isinstance(node, ast.ImportFrom) and node.module:
                        found.add(node.module)
    return found


def test_a_task_finds_imported_what_it_needs() -> None:
    done = subprocess.run([sys.executable, "-c", PRELOAD], capture_output=True, text=True, check=True)
    threads, modules = json.loads(done.stdout.splitlines()[-1])
    assert threads == 1, "of several threads only the one that forks lives on in a task"
    missing = {m for m in imported_late() - set(modules) if not {m, m.partition(".")[0]} & RARE}
    assert not missing
    assert {"faker.providers.person.de_DE", "great_expectations"} <= set(modules)
