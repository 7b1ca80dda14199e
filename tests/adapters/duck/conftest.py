"""The fixture of the DuckDB adapter's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.duck.conversions import Convert, Outcome, convert_bytes
from sluice.contract.model import Table


@pytest.fixture
def run(tmp_path: Path) -> Convert:
    def run(content: bytes | list[bytes], table: Table, *args: Any, **options: Any) -> Outcome:
        return convert_bytes(tmp_path, content, table, *args, **options)

    return run
