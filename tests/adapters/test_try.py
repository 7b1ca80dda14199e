"""`sluice try`: the machine's stages on this machine, with the real engines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLUICE = Path(sys.executable).parent / "sluice"
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: csv}]
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: amount, logicalType: number, physicalType: "decimal(9,2)"}
"""


def sluice(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"SLUICE_HOME": str(home / "home"), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    return subprocess.run([SLUICE, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.odcs.yaml").write_text(CONTRACT)
    (tmp_path / "orders.csv").write_text("id,amount\n1,10.50\n2,x\n")
    return tmp_path


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_try_shows_what_approvers_would_see(shop: Path) -> None:
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    assert done.returncode == 0, done.stderr
    assert "Checks: passed" in done.stdout
    evidence = strict((shop / "out" / "shop" / "evidence.json").read_text())
    (table,) = evidence["tables"]
    assert (table["rows_read"], table["rows_staged"], table["rows_quarantined"]) == (2, 1, 1)
    assert {c["name"] for c in table["columns"]} == {"id", "amount"}
    assert {"source", "contract_digest", "evidence_digest", "tier", "tier_reasons", "quality", "cost"} <= set(evidence)
    assert (shop / "out" / "shop" / "quarantine" / "orders" / "part-0.parquet").exists()


def test_a_failed_check_is_exit_1(shop: Path) -> None:
    (shop / "orders.csv").write_text("id,amount\n,10.50\n")
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 1
    assert strict(done.stdout)[0]["quality"]["success"] is False
