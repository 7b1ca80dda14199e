"""A table that is being drafted: what is known of it so far, and how that will be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sluice.contract.model import Column, Relationship
from sluice.draft import keys as key_rules
from sluice.draft.choice import Choice
from sluice.draft.document import DraftColumn, DraftTable
from sluice.draft.evidence import ColumnFacts, TextColumn
from sluice.draft.grouping import Group
from sluice.draft.naming import catalog_names
from sluice.draft.report import TableReport


@dataclass
class Work:
    """A table on its way."""

    group: Group
    files: list[tuple[str, Path]]
    report: TableReport
    choices: list[Choice] = field(default_factory=list)
    texts: list[TextColumn] = field(default_factory=list)
    null_words: tuple[str, ...] = ()
    remarks: list[str] = field(default_factory=list)
    facts: list[ColumnFacts] = field(default_factory=list)
    key: tuple[Column, ...] = ()
    staged: list[Path] = field(default_factory=list)
    links: list[Relationship] = field(default_factory=list)
    is_empty: bool = False

    @property
    def staged_rows(self) -> int:
        return self.report.rows - self.report.quarantined


def written_table(work: Work) -> DraftTable:
    """The table as it will be written, with all that is known of it by now."""
    look, report = work.group.look, work.report
    physical = catalog_names(look.names)
    rows = report.rows - report.quarantined
    exact = bool(work.facts) and not report.sampled and rows > 0
    positions = {c.name: i + 1 for i, c in enumerate(work.key)}
    columns = []
    for i, name in enumerate(look.names):
        facts = work.facts[i] if work.facts else ColumnFacts(1)
        words = facts.words if exact and rows >= 50 and len(facts.words) >= 2 and not facts.personal else ()
        columns.append(
            DraftColumn(
                name=name,
                choice=_without(work.choices[i], work.null_words),
                physical_name=physical[i],
                required=exact and not facts.nulls,
                unique=exact and _is_unique(work, i, rows),
                key_position=positions.get(name, 0),
                personal=facts.personal,
                words=words if all(len(w) <= 40 for w in words) and len(words) * 5 <= rows else (),
                references=tuple(r for r in work.links if r.columns == (name,)),
            )
        )
    is_empty = work.is_empty or (bool(work.texts) and not any(t.rows for t in work.texts))
    return DraftTable(
        name=report.name,
        locations=work.group.locations,
        format=look.format,
        columns=tuple(columns),
        terms={**look.terms, **({"nullSequence": ["", *work.null_words]} if work.null_words else {})},
        relationships=tuple(r for r in work.links if len(r.columns) > 1),
        remarks=(*_remarks(work), *look.remarks, *work.remarks),
        properties={"allowEmpty": True} if is_empty else {},
    )


def _is_unique(work: Work, i: int, rows: int) -> bool:
    facts, choice = work.facts[i], work.choices[i]
    if not key_rules.is_unique(facts, rows):
        return False
    is_key = len(work.key) == 1 and work.key[0].name == work.group.look.names[i]
    return is_key or key_rules.is_kept_unique(work.group.look.names[i], choice.type.kind, facts, rows)


def _remarks(work: Work) -> list[str]:
    report = work.report
    if not work.facts:
        return []
    files = f" in {len(report.files)} files" if len(report.files) > 1 else ""
    if report.sampled:
        said = [
            f"Types rest on a sample: {report.rows:,} rows, {report.sampled}{files}. What it missed will show as"
            " quarantined rows.",
            "TODO: keys, required columns and relationships need all rows; none are claimed here.",
        ]
    else:
        said = [f"{report.rows:,} rows{files}, all of them read."]
    if report.quarantined:
        why = ", ".join(f"{code} {n:,}" for code, n in report.reasons.items())
        said.append(f"TODO: {report.quarantined:,} of them are bad and go to quarantine: {why}.")
    if not report.rows:
        known = "nothing is known of its types" if work.group.look.types is None else "its types are what the file says"
        said.append(f"TODO: the table has no rows: {known}.")
    elif not work.key and not report.sampled:
        said.append("TODO: no key was found: neither a column nor a small combination is unique in every row.")
    return said


def _without(choice: Choice, words: Sequence[str]) -> Choice:
    """The choice without null words that are said for the whole table."""
    return choice if any(w not in words for w in choice.nulls) else replace(choice, nulls=())
