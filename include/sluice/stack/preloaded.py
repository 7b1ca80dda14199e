"""Runs a component of Airflow whose tasks, being forks of it, find imported what they need: `python -m
sluice.stack.preloaded scheduler` is `airflow scheduler`.

Without it every task spends its first second or two on Python's imports, one that checks with Great Expectations
three more. Where tasks are not forks (LocalExecutor on macOS) it is only `airflow`.
"""

from __future__ import annotations

import multiprocessing
import pkgutil
import runpy
import sys
from importlib import import_module

_OURS = ("sluice.stream", "sluice.adapters")
_OTHERS = (
    "airflow.sdk.execution_time.task_runner", "boto3.exceptions", "boto3.s3.inject", "boto3.s3.transfer",
    "great_expectations", "holidays.countries", "jinja2.ext", "open_data_contract_standard.model", "pandas", "psycopg",
    "pyarrow.dataset", "pyiceberg.catalog.glue", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow",
)  # fmt: skip


def preload() -> None:
    """Import what tasks import, and read what they read from packages. Opens no connection, starts no thread."""
    for name in _OURS:
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            import_module(module.name)
    for name in _OTHERS:
        import_module(name)
    import_module("sluice.adapters.aws").preload()
    import_module("sluice.pii.people").preload()


def main() -> None:
    """Run the `airflow` command of this process' arguments."""
    if multiprocessing.get_all_start_methods()[0] == "fork":  # the first is the default
        preload()
    sys.argv[0] = "airflow"
    runpy.run_module("airflow", run_name="__main__")


if __name__ == "__main__":
    main()
