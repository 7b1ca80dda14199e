"""One measurement: `child.py MODULE:FUNCTION SOURCE WORK` prints seconds, CPU seconds, peak memory and rows as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

_BLOCK = 1 << 20


def main() -> None:
    """Set the case up (imports, what must be loaded first), then measure only what it is about."""
    where, source, work = sys.argv[1:4]
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    module, function = where.split(":")
    Path(work).mkdir(parents=True, exist_ok=True)
    run = getattr(import_module(module), function)(Path(source), Path(work))
    with Path(source).open("rb") as file:
        while file.read(_BLOCK):  # so that nobody waits for the disk, however much was read since the last round
            pass
    wall, cpu = time.perf_counter(), time.process_time()
    rows = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak, "rows": rows}))


if __name__ == "__main__":
    main()
