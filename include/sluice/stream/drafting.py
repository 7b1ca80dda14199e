"""Drafts a contract: looks at the files, groups them into tables, measures, lands them for real, writes it down.

The draft is not given out unless it lints and lands: what it says of bad rows is what landing itself found.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sluice.contract.model import Column, Contract, Dialect, Relationship, Table
from sluice.contract.types import ColumnType, Kind
from sluice.draft import keys as key_rules
from sluice.draft.choice import Choice, choose_all, null_words_of_texts, shared_null_words
from sluice.draft.document import DraftColumn, DraftServer, DraftTable, contract_document
from sluice.draft.grouping import Entry, Group, group, with_partitions
from sluice.draft.nested import as_json, bad_inside, marked, of_type, said_of_json
from sluice.draft.report import Drafted, TableReport
from sluice.draft.yaml_text import write
from sluice.errors import InvalidContractError, SourceError, TerminalError
from sluice.linting import usable_text
from sluice.settings import Settings
from sluice.stream.draft_work import Work, written_table
from sluice.stream.outcome import sweep_abandoned
from sluice.stream.places import Place, SourceFile

SAMPLE_ABOVE = 1 << 30
"""Bytes of one table's text beyond which types are told from a sample, and keys are left to a person."""

_NEARLY = 0.9
_FEW = 10
"""Rows below which a combination of columns is unique by chance."""


def draft_contract(
    place: Place,
    identity: str,
    title: str,
    server: DraftServer,
    settings: Settings,
    *,
    sample_above: int = SAMPLE_ABOVE,
    say: Callable[[str], None] = lambda _: None,
) -> Drafted:
    """Draft the contract of the files at `place`. `say` is told what is going on.

    Raises SourceError (NOT_A_TABLE and what landing raises) when a file that was named cannot be used, or NO_TABLES
    when none of a folder's can.
    """
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="draft-", dir=settings.scratch) as name:
        sweep_abandoned(settings.scratch, "draft-", keep=Path(name))
        drafting = _Drafting(settings, Path(name), identity, title, server, sample_above, say)
        return drafting.run(place)


class _Drafting:
    def __init__(
        self,
        settings: Settings,
        scratch: Path,
        identity: str,
        title: str,
        server: DraftServer,
        sample_above: int,
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.scratch = scratch
        self.identity = identity
        self.title = title
        self.server = server
        self.sample_above = sample_above
        self.say = say
        self.skipped: list[tuple[str, str]] = []

    def run(self, place: Place) -> Drafted:
        works = [w for g, files in self._groups(place) if (w := self._typed(g, files, place)) is not None]
        if not works:
            raise self._no_tables(place)
        self._agree_on_null_words(works)
        contract = self._land(works, place)
        self._measure(works, contract)
        text = self._text(works)
        usable_text(text, "the draft")
        return Drafted(self.identity, text, [w.report for w in works], self.skipped)

    def _no_tables(self, place: Place) -> SourceError:
        why = "; ".join(f"{name}: {reason}" for name, reason in self.skipped[:3]) or (
            "there are no files" if not place.files else "there are no rows"
        )
        more = f" and {len(self.skipped) - 3} more" if len(self.skipped) > 3 else ""
        return SourceError(
            "NO_TABLES", f"there is no table to draft a contract for ({why}{more})", where=place.shown,
            mend="Name a file or folder with delimited text, JSON, Parquet or another tabular format.",
        )  # fmt: skip

    # Looking ----------------------------------------------------------------------------------------------

    def _groups(self, place: Place) -> list[tuple[Group, list[tuple[str, Path]]]]:
        entries: list[Entry] = []
        plain: dict[str, list[tuple[str, Path]]] = {}
        for number, file in enumerate(place.files):
            self.say(f"looking at {file.location}")
            try:
                for location, look, paths in self._look(file, self.scratch / f"file-{number}"):
                    entries.append(Entry(location, look))
                    plain[location] = paths
            except SourceError as error:
                self._skip(file, error)
        groups = group(entries, place.name)
        return [(g, [p for e in g.entries for p in plain[e.location]]) for g in groups]

    def _skip(self, file: SourceFile, error: SourceError) -> None:
        if file.named:
            raise error
        self.skipped.append((file.location, error.message))

    def _look(self, file: SourceFile, scratch: Path) -> list[tuple[str, Any, list[tuple[str, Path]]]]:
        """(location, look, plain files) of what is in a file: one, or the unlike members of an archive."""
        from sluice.adapters.duck.looks.looking import look
        from sluice.adapters.duck.looks.sheets import is_workbook, sheet_looks
        from sluice.adapters.duck.packed.unpack import unpack

        local = file.fetch(scratch)
        found = unpack(local, scratch / "plain", name=file.location, limits=self.settings.limits)
        if len(found) == 1 and is_workbook(found[0][1]):
            return [(file.location, sheet, found) for sheet in sheet_looks(*found[0])]
        looks = [(display, with_partitions(look(display, path, scratch), display), path) for display, path in found]
        if len({lk.signature for _, lk, _ in looks}) == 1:
            return [(file.location, looks[0][1], [(d, p) for d, _, p in looks])]
        return [(d, lk, [(d, p)]) for d, lk, p in looks]

    # Types ------------------------------------------------------------------------------------------------

    def _typed(self, found: Group, files: list[tuple[str, Path]], place: Place) -> Work | None:
        work = Work(
            found, files, TableReport(found.name, [e.location for e in found.entries], columns=len(found.look.names))
        )
        self.say(f"measuring {found.name}")
        try:
            if found.look.types is not None:
                work.choices = [of_type(t) for t in found.look.types]
            else:
                self._sample(work)
                self._choose(work)
        except SourceError as error:
            for entry in found.entries:
                file = next((f for f in place.files if entry.location.startswith(f.location)), None)
                if file is not None:
                    self._skip(file, error)
            return None
        return work

    def _sample(self, work: Work) -> None:
        from sluice.adapters.duck.looks.sampling import sample

        size = sum(path.stat().st_size for _, path in work.files)
        if size <= self.sample_above or work.group.look.format == "json":
            return
        folder = self.scratch / f"sample-{work.report.name}"
        work.files, taken = sample(work.files, work.group.look, self._dialect(work), self.sample_above // 4, folder)
        work.report.sampled = f"{taken / size:.1%} of {size:,} bytes"

    def _choose(self, work: Work) -> None:
        """Read everything as text, or as JSON, and tell the types from it."""
        from sluice.adapters.duck import convert
        from sluice.adapters.duck.looks.evidence import measuring
        from sluice.adapters.duck.looks.nested_looks import unfolded

        look = work.group.look
        is_json = look.format in ("json", "jsonl")
        kind = ColumnType(Kind.JSON if is_json else Kind.STRING)
        columns = tuple(Column(n, f"c{i}", kind) for i, n in enumerate(look.names))
        table = Table(work.report.name, work.report.name, "", columns, allow_empty=True)
        folder = self.scratch / f"texts-{work.report.name}"
        converted = convert(
            work.files, table, look.format, self._dialect(work), out=folder, quarantine=folder / "bad.parquet",
            memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / "convert",
            in_passing=True,
        )  # fmt: skip
        files = {table.name: [p.path for p in converted.staged]}
        settings: Any = {"memory_limit": self.settings.memory_limit, "threads": self.settings.threads, "scratch": self.scratch / "duck"}  # fmt: skip
        with measuring(files, **settings) as measure:
            work.texts = measure.texts(table.name, look.names, is_json=is_json)
        work.choices = choose_all(work.texts)
        if not is_json:
            work.choices = [said_of_json(c) for c in work.choices]
        work.choices = unfolded(files[table.name], look.names, work.choices, **settings)
        for part in converted.staged:
            part.path.unlink()

    def _agree_on_null_words(self, works: Sequence[Work]) -> None:
        words = {word for w in works for c in w.choices for word in c.nulls}
        for work in works:
            if work.texts and work.group.look.format not in ("json", "jsonl"):
                work.choices = null_words_of_texts(work.texts, work.choices, words)
                work.null_words = shared_null_words(work.texts, work.choices)

    def _dialect(self, work: Work) -> Dialect:
        draft = DraftTable(work.report.name, ("x",), work.group.look.format, (DraftColumn("c", Choice(ColumnType(Kind.STRING))),), work.group.look.terms)  # fmt: skip
        contract = usable_text(write(contract_document(self.identity, self.title, self.server, [draft])), "the draft")
        return contract.dialect_of(contract.tables[0])

    # Landing ----------------------------------------------------------------------------------------------

    def _land(self, works: list[Work], place: Place) -> Contract:
        """Land every table with the types that were chosen; the contract of those that could be."""
        contract = self._contract(works)
        for work in list(works):
            try:
                contract = self._landed(work, works, contract)
            except SourceError as error:
                if any(f.named for f in place.files):
                    raise
                works.remove(work)
                self.skipped += [(name, error.message) for name in work.report.files]
        if not works:
            raise self._no_tables(place)
        return contract

    def _landed(self, work: Work, works: Sequence[Work], contract: Contract) -> Contract:
        """The contract with which the table could be landed: `contract`, or what had to be changed in it."""
        try:
            folded = self._convert(work, contract)
        except SourceError as error:
            if error.code != "EMPTY_TABLE":
                raise
            work.is_empty = True  # a file that knows its types tells them without rows
            contract = self._contract(works)
            folded = self._convert(work, contract)
        if folded:
            named = zip(work.group.look.names, work.choices, strict=True)
            work.choices = [as_json(c) if n in folded else c for n, c in named]
            contract = self._contract(works)
            self._convert(work, contract)
        return contract

    def _contract(self, works: Sequence[Work]) -> Contract:
        text = self._text(works)
        try:
            return usable_text(text, "the draft")
        except InvalidContractError as error:
            raise TerminalError(
                "DRAFT", f"the draft would not lint: {error.message}", where=error.where,
                mend="This is a defect of Sluice: keep the file and report it.",
            ) from error  # fmt: skip

    def _convert(self, work: Work, contract: Contract) -> set[str]:
        """Land the table; columns whose objects and arrays are not what was spelt out."""
        from sluice.adapters.duck import convert, rejections

        self.say(f"landing {work.report.name}")
        table = contract.table(work.report.name)
        folder = self.scratch / f"staged-{work.report.name}"
        dialect = contract.dialect_of(table) if not work.report.sampled else self._dialect(work)
        converted = convert(
            work.files, table, contract.format_of(table), dialect, out=folder, quarantine=folder / "bad.parquet",
            memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / "convert",
            in_passing=True,
        )  # fmt: skip
        work.staged = [p.path for p in converted.staged]
        work.report.rows, work.report.quarantined = converted.rows_read, converted.rows_quarantined
        work.report.reasons = dict(converted.reasons)
        spelt = {n: bad_inside(c) for n, c in zip(work.group.look.names, work.choices, strict=True) if c.inside}
        if converted.quarantine is None or not spelt or work.report.sampled:
            return set()
        bad = Counter[str]()
        for found in rejections([converted.quarantine], memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / "duck"):  # fmt: skip
            bad[found.column or ""] += found.rows
        return {name for name, known in spelt.items() if bad[name] > known}

    # Keys and relationships -------------------------------------------------------------------------------

    def _measure(self, works: Sequence[Work], contract: Contract) -> None:
        from sluice.adapters.duck.looks.evidence import measuring

        files = {w.report.name: w.staged for w in works}
        tables = {w.report.name: contract.table(w.report.name) for w in works}
        with measuring(files, memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / "duck") as measure:  # fmt: skip
            for work in works:
                self.say(f"looking for the key of {work.report.name}")
                table = tables[work.report.name]
                work.facts = measure.facts(table)
                if work.group.look.types is not None:
                    work.choices = [
                        marked(choice, measure.some(table, c, f.about), c.name) if choice.inside else choice
                        for c, f, choice in zip(table.columns, work.facts, work.choices, strict=True)
                    ]
                work.report.personal = {
                    c.name: list(f.personal) for c, f in zip(table.columns, work.facts, strict=True) if f.personal
                }
            self._keys(measure, works, tables)
            found = {w.report.name: w for w in works if not w.report.sampled}
            self._references(measure, [tables[n] for n in found], found)

    def _keys(self, measure: Any, works: Sequence[Work], tables: dict[str, Table]) -> None:
        """Single columns first: what they are called helps to find the combinations."""
        exact = [w for w in works if not w.report.sampled and w.staged_rows]
        for work in exact:
            single = key_rules.single_key(tables[work.report.name], work.facts, work.staged_rows)
            work.key = () if single is None else (single,)
        known = {w.key[0].name for w in exact if w.key}
        for work in exact:
            if not work.key and work.staged_rows >= _FEW:
                table = tables[work.report.name]
                tried = key_rules.combined_keys(table, work.facts, work.staged_rows, known)
                work.key = next((c for c in tried if measure.distinct(table, c) == work.staged_rows), ())
            work.report.key = [c.name for c in work.key]

    def _references(self, measure: Any, tables: Sequence[Table], works: dict[str, Work]) -> None:
        all_keys = {name: w.key for name, w in works.items()}
        for child, columns, parent, key in key_rules.references(tables, all_keys):
            rows, strays = measure.strays(child, columns, parent, key)
            work = works[child.name]
            said = " and ".join(c.name for c in columns)
            if rows and not strays and not key_rules.can_be_referred_to(columns, key):
                work.remarks.append(
                    f"TODO: every {said} is found in {parent.name}, as {' and '.join(c.name for c in key)}: a relationship? ODCS can refer to names"
                    " of letters, digits and _ only."
                )
            elif rows and not strays:
                work.links.append(Relationship(tuple(c.name for c in columns), parent.name, tuple(c.name for c in key)))
            elif rows and strays <= (1 - _NEARLY) * rows:
                work.remarks.append(
                    f"TODO: {said} is found in {parent.name}.{', '.join(c.name for c in key)} but for {strays:,} of"
                    f" {rows:,} rows: a relationship with gaps?"
                )

    # Writing ----------------------------------------------------------------------------------------------

    def _text(self, works: Sequence[Work]) -> str:
        tables = [written_table(w) for w in works]
        return write(contract_document(self.identity, self.title, self.server, tables))
