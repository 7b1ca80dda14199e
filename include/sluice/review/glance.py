"""Evidence at a glance: a pack in the few sentences that a person needs before opening it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.drift import exceeded
from sluice.words import number, share

Pack = Mapping[str, Any]
_UNITS = ("kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class Note:
    """One sentence about one part of the evidence. `tone` is good, warn, bad, or empty where there is nothing to judge."""

    part: str
    tone: str
    says: str


def glance(pack: Pack) -> tuple[Note, ...]:
    """What the pack of a gate says of personal data, checks, rejected rows, change and cost, in this order.

    Before any data moved (admission) it says what the source holds instead.
    """
    if "tables" not in pack:
        return (_source(pack),)
    notes = (_personal(pack), _checks(pack), _rejected(pack), _drift(pack), _cost(pack))
    return tuple(note for note in notes if note)


def personal_columns(pack: Pack) -> list[tuple[str, str]]:
    """(table.column, kinds found) of every column in which personal data was found."""
    return [
        (f"{table['name']}.{column['name']}", some(finding["kind"] for finding in column["pii"]))
        for table in pack.get("tables", ()) for column in table["columns"] if column["pii"]
    ]  # fmt: skip


def some(names: Iterable[str], most: int = 3) -> str:
    """Names as people list them: a, b, c and 4 more."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def counted(count: int, one: str, many: str) -> str:
    """A count with its noun: 1 row, 1,200 rows, no rows."""
    return f"no {many}" if count == 0 else f"1 {one}" if count == 1 else f"{number(count)} {many}"


def _source(pack: Pack) -> Note:
    probe = pack.get("probe", {})
    files = [f for table in probe.values() for f in table["files"]]
    size = sum(f["bytes"] for f in files)
    return Note("Source", "", f"{counted(len(probe), 'table', 'tables')} in {counted(len(files), 'file', 'files')}, "
                              f"{bytes_in_words(size)}; nothing has been copied yet")  # fmt: skip


def bytes_in_words(size: int) -> str:
    """A size as people say it, in powers of 1000: 812 bytes, 9.3 kB, 1.2 GB."""
    if size < 1000:
        return f"{size} bytes"
    power = min(int(math.log10(size) // 3), len(_UNITS))
    if size / 1000**power >= 999.5 and power < len(_UNITS):
        power += 1
    return f"{size / 1000**power:.3g} {_UNITS[power - 1]}"


def _personal(pack: Pack) -> Note:
    undeclared = pack["pii"]["undeclared"]
    if undeclared:
        return Note("Personal data", "bad", f"found where the contract declares none: {some(undeclared)}")
    found = [f"{column} ({kinds})" for column, kinds in personal_columns(pack)]
    if found:
        return Note("Personal data", "warn", f"found as declared: {some(found)}")
    return Note("Personal data", "good", "none was found")


def _checks(pack: Pack) -> Note:
    quality = pack["quality"]
    required = quality["failed"] - quality["warnings"]
    checks = counted(quality["evaluated"], "check", "checks")
    if required:
        return Note(
            "Checks", "bad", f"{number(required)} of {checks} that must hold {'does' if required == 1 else 'do'} not"
        )
    if quality["warnings"]:
        return Note("Checks", "warn", f"{checks}, {number(quality['warnings'])} with a warning")
    return Note("Checks", "good", f"{checks}, all hold" if quality["evaluated"] else "the contract asks for none")


def _rejected(pack: Pack) -> Note:
    read = sum(t["rows_read"] for t in pack["tables"])
    aside = sum(t["rows_quarantined"] for t in pack["tables"])
    dropped = sum(t["rows_dropped"] for t in pack["tables"])
    rows = counted(read, "row", "rows")
    if not aside and not dropped:
        return Note("Rows", "good", f"{rows} read, all of them fit")
    parts = [f"{number(aside)} set aside in quarantine ({share(aside, read)})"] if aside else []
    parts += [f"{number(dropped)} dropped as the contract says"] if dropped else []
    return Note("Rows", "warn", f"{rows} read, {' and '.join(parts)}")


def _drift(pack: Pack) -> Note | None:
    drifts = [t["drift"] for t in pack["tables"] if t["drift"]]
    if not drifts:
        return None
    far = exceeded(drifts)
    if not far:
        return Note("Data", "good", "like that of the last publication")
    where = some(dict.fromkeys(f"{f['table']}.{f['column']}" if f["column"] else f["table"] for f in far))
    return Note(
        "Data", "warn", f"differs from the last publication in {counted(len(far), 'measure', 'measures')}: {where}"
    )


def _cost(pack: Pack) -> Note:
    return Note("Cost", "", money(pack["cost"]["monthly_usd"]))


def money(monthly: float) -> str:
    """A monthly cost in words: about 12.40 USD a month; less than a cent is said so."""
    return "less than 0.01 USD a month" if monthly < 0.01 else f"about {monthly:,.2f} USD a month"
