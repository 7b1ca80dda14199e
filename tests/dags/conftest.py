"""Airflow's own configuration for parsing DAGs: a home of its own, no database."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="sluice-airflow-", dir="/tmp")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
# Airflow reads these when it is first imported, so they cannot wait for a fixture.
os.environ.setdefault("AIRFLOW_HOME", HOME)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "False")
