"""Price tables: data in include/prices, one file a region, each with its date and source."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from sluice.errors import BadInputError

FOLDER = Path(__file__).parents[1] / "prices"
CLASSES = ("standard", "infrequent", "archive")
"""Storage classes, from the warmest to the coldest."""
_NUMBERS = ("put_1000", "get_1000", "scan_tb", "vcpu_hour", "memory_gb_hour", "catalog_100k_month", "transfer_out_gb")


@dataclass(frozen=True)
class Prices:
    """List prices of a region in US dollars. `storage` is per GB and month by class; a GB is 10⁹ bytes."""

    region: str
    date: str
    source: str
    storage: Mapping[str, float]
    put_1000: float
    get_1000: float
    scan_tb: float
    vcpu_hour: float
    memory_gb_hour: float
    catalog_100k_month: float
    transfer_out_gb: float

    @property
    def named(self) -> str:
        """How assumptions name the table."""
        return f"list prices of {self.region}, {self.date}"


@cache
def prices_of(region: str, folder: Path = FOLDER) -> Prices:
    """The region's table. Raises BadInputError (PRICES) when there is none, or it cannot be used."""
    file = folder / f"{region}.yaml"
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    if region not in known:
        close = difflib.get_close_matches(region, known, n=1)
        raise BadInputError("PRICES", f"there is no price table for {region!r}", where=str(folder),
                            mend=f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}; add a file for yours.")  # fmt: skip
    data = yaml.safe_load(file.read_text("utf-8"))
    try:
        numbers = {n: float(data[n]) for n in _NUMBERS}
        storage = {c: float(data["storage_gb_month"][c]) for c in CLASSES}
        return Prices(str(data["region"]), str(data["date"]), str(data["source"]), storage, **numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError("PRICES", f"the price table lacks or garbles {error}", where=str(file),
                            mend="Compare it with include/prices/eu-west-1.yaml.") from error  # fmt: skip
