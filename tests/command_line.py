"""The `sluice` command as a user runs it, and a small source to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import forked

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
    # PYTHONPATH: so that a second working tree tests its own code.
    path = os.environ.get("PYTHONPATH", "")
    environment = {
        "SLUICE_HOME": str(home / "home"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": path,
    }
    return forked.run([*map(str, arguments)], environment, timeout=60)


def write_shop(folder: Path) -> Path:
    """Writes a contract and its one file into the folder, and returns it."""
    (folder / "shop.odcs.yaml").write_text(CONTRACT)
    (folder / "orders.csv").write_text("id,amount\n1,10.50\n2,x\n")
    return folder


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)
