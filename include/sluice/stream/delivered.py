"""What a delivery's schema is: drafted from the files themselves, as for a source that nobody has described yet."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from sluice.contract.model import Contract, Table
from sluice.draft.document import DraftServer
from sluice.errors import SluiceError
from sluice.linting import usable_text
from sluice.running.schema_drift import DeliveredColumn
from sluice.stream.drafting import draft_contract
from sluice.stream.places import Place, SourceFile
from sluice.stream.source import deliveries
from sluice.stream.tools import Tools

TEXT = ("csv", "tsv", "psv", "json", "jsonl", "ndjson", "excel", "xlsx", "xls", "xlsb", "ods")


def delivered_columns(
    tools: Tools, contract: Contract, table: Table, base: str, names: Collection[str]
) -> tuple[DeliveredColumn, ...] | None:
    """The columns of a table's files of these names; None where the files themselves do not tell."""
    if contract.dialect_of(table).header is False:
        return None
    found = deliveries(contract, table, base, tools.settings, tools.store, names)

    def fetch(uri: str, name: str) -> SourceFile:
        def get(folder: Path) -> Path:
            if not uri.startswith("s3://"):
                return Path(uri)
            target = folder / PurePosixPath(name).name
            folder.mkdir(parents=True, exist_ok=True)
            tools.store.get(uri, target)
            return target

        return SourceFile(name, True, get)

    place = Place(contract.server.base, table.name, tuple(fetch(d.uri, d.name) for d in found))
    try:
        drafted = draft_contract(place, contract.id, contract.id, DraftServer("local", "."), tools.settings)
    except SluiceError:
        return None
    drawn = usable_text(drafted.text, "the delivery")
    if len(drawn.tables) != 1:
        return None
    properties = {p["name"]: p for p in drawn.document["schema"][0]["properties"]}
    keep = (
        "name",
        "physicalName",
        "logicalType",
        "physicalType",
        "logicalTypeOptions",
        "customProperties",
        "classification",
    )
    return tuple(
        DeliveredColumn(c.name, c.type, {k: properties[c.name][k] for k in keep if k in properties[c.name]}, c.pii)
        for c in drawn.tables[0].columns
    )
