"""What did not fit: a table's newest quarantine for people to see, to repair in an editor, and to give back.

Exported rows are JSON lines with the quarantine's columns; `raw` is the row as text, `raw_base64` where it is none.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sluice.contract.model import Contract, Dialect, Table
from sluice.contract.types import NUMBERS, Kind
from sluice.errors import BadInputError, ConflictError
from sluice.lake import Layout, Manifest, ObjectStore
from sluice.settings import Settings
from sluice.stream.replay import Offer, Replays, put_offer, standings

if TYPE_CHECKING:
    from sluice.adapters.duck import Rejection

WITHHELD = "(withheld)"
_SENSITIVE = ("confidential", "restricted")
_PLACE = ("file", "line", "byte_offset", "column", "reason_code", "reason")
_LINE_ENDS = ("\n", "\r\n", "\r")


@dataclass(frozen=True)
class Quarantined:
    """The newest quarantine of a table. `manifest` is None when its landing was stopped."""

    table: Table
    attempt: str
    uris: tuple[str, ...]
    manifest: Manifest | None


@dataclass(frozen=True)
class Shelf:
    """A source's quarantine and its replays, in a lake or in a trial's folder. `scratch` takes files on their way.

    With `own_attempts`, only attempts of this very contract count, not those of earlier versions.
    """

    contract: Contract
    replays: Replays
    settings: Settings
    scratch: Path
    own_attempts: bool = False

    @property
    def store(self) -> ObjectStore:
        """Where it lies."""
        return self.replays.store

    @property
    def layout(self) -> Layout:
        """What lies where."""
        return self.replays.layout

    def newest(self, table: Table) -> Quarantined | None:
        """The newest quarantine of the table; None when it has none."""
        prefix = self.layout.quarantine(self.contract.id, table.table_name, "", "").rstrip("/") + "/"
        attempts: dict[str, list[tuple[datetime, str]]] = {}
        for info in self.store.list(prefix):
            attempt = info.uri.removeprefix(prefix).rpartition("/")[0]
            if info.uri.endswith(".parquet") and (not self.own_attempts or self._owns(attempt)):
                attempts.setdefault(attempt, []).append((info.modified, info.uri))
        if not attempts:
            return None
        attempt = max(attempts, key=lambda a: max(attempts[a]))
        uri = self.layout.manifest(self.contract.id, table.table_name, attempt)
        manifest = Manifest.from_dict(json.loads(self.store.read(uri))) if self.store.head(uri) else None
        return Quarantined(table, attempt, tuple(sorted(u for _, u in attempts[attempt])), manifest)

    def _owns(self, attempt: str) -> bool:
        return attempt.startswith(self.contract.digest[:12])

    def files(self, found: Quarantined) -> list[Path]:
        """The quarantine's files, brought here."""
        paths = []
        for i, uri in enumerate(found.uris):
            paths.append(self.scratch / f"{found.table.table_name}-{i}.parquet")
            self.store.get(uri, paths[-1])
        return paths

    def reasons(self, found: Quarantined) -> list[Rejection]:
        """How many rows for each reason and column, the most frequent first, with the first rows of each."""
        from sluice.adapters.duck import rejections

        return rejections(
            self.files(found), memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch
        )  # fmt: skip

    def rows(self, found: Quarantined) -> Iterator[dict[str, Any]]:
        """Every row, as the quarantine's columns."""
        from sluice.adapters.duck import read_quarantine

        return read_quarantine(self.files(found))

    def export(self, found: Quarantined, target: IO[str]) -> int:
        """Write every row with its reason, to be repaired; returns how many. Raises BadInputError NOTHING_KEPT."""
        if not found.table.bad_rows.keep_raw:
            raise BadInputError("NOTHING_KEPT", f"the contract keeps no values of bad rows of {found.table.name!r}",
                                mend="Mend them at the source, or set quarantineKeepRaw.")  # fmt: skip
        count = 0
        for row in self.rows(found):
            encoding = str(_used(found.manifest, row["file"]).get("encoding") or "utf-8")
            target.write(
                json.dumps({k: row[k] for k in _PLACE} | _text(row["raw"], encoding), ensure_ascii=False) + "\n"
            )
            count += 1
        return count

    def offer(self, table: Table, file: Path, by: str, now: datetime) -> tuple[Offer, bool]:
        """Offer repaired rows for the next load; False when these very rows were offered before.

        Raises BadInputError (REPLAY_ROWS: rows that still do not fit, or cannot be read; nothing is offered then),
        ConflictError REPLAY_SPENT when a load has taken these rows already.
        """
        rows = self.scratch / "rows"
        format_name, dialect, lines = self._rebuilt(table, file, rows)
        count = self._tried(table, rows, file.name, format_name, dialect, lines)
        with rows.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        offer = Offer(
            source=self.contract.id, table=table.table_name, digest=sha256, name=f"{file.name} (replay {sha256[:8]})",
            rows=count, size=rows.stat().st_size, sha256=sha256, format=format_name, dialect=asdict(dialect),
            offered_by=by, offered_at=now.isoformat(),
        )  # fmt: skip
        if put_offer(self.store, self.layout, offer, rows):
            return offer, True
        there = next(
            s
            for s in standings(self.store, self.layout, self.contract.id, table.table_name)
            if s.offer.digest == sha256
        )
        if there.claims:
            raise ConflictError("REPLAY_SPENT", f"these very rows were offered before and taken by {there.taken_by}",
                                where=file.name, mend="Rows are replayed once; `sluice quarantine list` shows what is offered.")  # fmt: skip
        return there.offer, False

    def _rebuilt(self, table: Table, file: Path, target: Path) -> tuple[str, Dialect, list[int]]:
        """Write the rows to `target` in one plain file; how it is read, and the lines on which its rows begin.

        No lines: they are those of `file`.
        """
        from sluice.adapters.duck import rows_format, unpack

        declared = self.contract.dialect_of(table)
        if not _is_export(file):
            if rows_format(self.contract.format_of(table)) and _begins(file) == b"{":
                raise _bad(file, "it is neither an export nor in the table's own format: a line of an export has "
                           f"{', '.join(_PLACE)} and raw", "Repair the value of `raw` and nothing else.")  # fmt: skip
            plain = unpack(file, self.scratch / "plain", limits=self.settings.limits)
            if len(plain) != 1:
                raise _bad(file, "an archive of several files cannot be replayed", "Give one file of rows.")
            content = plain[0][1].read_bytes()
            if declared.encoding and _is_utf8_instead(content, declared.encoding):
                raise _bad(file, f"it is written in UTF-8, and would be read in the source's {declared.encoding}",
                           f"Save it in {declared.encoding}, or repair an export, which is always UTF-8.")  # fmt: skip
            target.write_bytes(content)
            return self.contract.format_of(table), replace(declared, compression=None), []
        rows = list(_exported(file))
        if not rows:
            raise _bad(file, "there are no rows", "Export them, repair them, and give them back.")
        found = self.newest(table)
        used = [_used(found.manifest if found else None, name) for name in dict.fromkeys(r["file"] for r in rows)]
        texts = [_raw(file, i, row) for i, row in enumerate(rows, start=1)]
        if typed := rows_format(self.contract.format_of(table)):
            _write_lines(texts, target)
            return typed, declared, []
        if found is not None and found.manifest is not None and "delimiter" in found.manifest.dialect:
            shape = _delimited(file, used, declared)
            names = list(used[0]["columns"])
            said = _said_by_paths(table, file, rows, names)
            lines = [_line([*names, *said[0]], shape)]
            lines += [_joined(t, list(more.values()), shape) for t, more in zip(texts, said, strict=True)]
            end = shape.line_terminator or "\n"
            target.write_text(end.join(lines) + end, "utf-8", newline="")
            begins = accumulate((len(_LINE_END.findall(line + end)) for line in lines[:-1]), initial=1)
            return "csv", shape, list(begins)[1:]
        if self.contract.format_of(table) in ("csv", "tsv", "psv"):
            raise _bad(file, "the landing that made this quarantine was stopped, so how its rows are written is not on record",
                       "Give the rows as the source writes them, with its header.")  # fmt: skip
        if found is not None and self.contract.format_of(table) in ("json", "jsonl", "ndjson"):
            texts = [
                _with_members(t, table, more)
                for t, more in zip(texts, _said_by_paths(table, file, rows, []), strict=True)
            ]
        _write_lines(texts, target)
        return "jsonl", _json_lines(file, used, declared), []

    def _tried(
        self, table: Table, rows: Path, name: str, format_name: str, dialect: Dialect, lines: Sequence[int]
    ) -> int:
        """Convert the rows here and now: what would only come back to quarantine is not offered."""
        from sluice.adapters.duck import convert, read_quarantine

        bad = self.scratch / "still-bad.parquet"
        converted = convert(
            [(name, rows)], table, format_name, dialect, out=self.scratch / "tried", quarantine=bad,
            memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / "work",
        )  # fmt: skip
        if converted.quarantine is not None:
            first = shown(table, next(read_quarantine([bad])))
            row = bisect_right(lines, first["line"]) if lines else first["line"]
            raise BadInputError(
                "REPLAY_ROWS", f"{converted.rows_quarantined:,} of {converted.rows_read:,} repaired rows still do not fit; the "
                f"first: row {row}, {first['column'] or 'the row'}, {first['reason_code']} {first['reason']}",
                where=name, mend="Repair them or take them out; nothing was offered.",
            )  # fmt: skip
        return converted.rows_staged


_LINE_END = re.compile(r"\r\n|\n|\r")


def shown(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's place and reason, for people: no value of confidential or restricted columns, and no raw row."""
    return {k: row[k] for k in _PLACE} | {"reason": reason_for(table, row["column"], row["reason"])}


def reason_for(table: Table, column: str | None, reason: str) -> str:
    """The reason, unless it may quote a value that not everybody may see."""
    sensitive = {c.name for c in table.columns if c.classification in _SENSITIVE}
    # A reason quotes the value at fault; without a column it may quote any.
    said = column not in sensitive if column else not sensitive
    return reason if said else WITHHELD


def _used(manifest: Manifest | None, file: str) -> Mapping[str, Any]:
    """How a file was read, as its landing reported."""
    if manifest is None:
        return {}
    used: Mapping[str, Any] = manifest.dialect.get("files", {}).get(file, manifest.dialect)
    return used


def _text(raw: bytes, encoding: str) -> dict[str, str]:
    try:
        text = raw.decode(encoding)
        if text.encode(encoding) == raw:
            return {"raw": text}
    except (UnicodeError, LookupError):
        pass
    return {"raw_base64": base64.b64encode(raw).decode()}


def _is_utf8_instead(content: bytes, encoding: str) -> bool:
    """Whether an editor saved it in UTF-8: bytes of another encoding hardly ever make letters of that one."""
    if content.isascii() or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _begins(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(1)


def _is_export(file: Path) -> bool:
    with file.open("rb") as content:
        for line in content:
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError:
                    return False
                return isinstance(row, dict) and set(_PLACE) <= set(row) and bool({"raw", "raw_base64"} & set(row))
    return False


def _exported(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                row["file"]
            except (ValueError, TypeError, KeyError) as error:
                raise _bad(
                    file, f"line {number} is not an exported row", "Repair the value of `raw` and nothing else."
                ) from error
            yield row


def _raw(file: Path, number: int, row: Mapping[str, Any]) -> str:
    if isinstance(row.get("raw"), str):
        return str(row["raw"])
    raise _bad(
        file,
        f"row {number} has no `raw`",
        "Where a row is not text in its encoding, write its `raw` anew, or take the row out.",
    )


def _delimited(file: Path, used: list[Mapping[str, Any]], declared: Dialect) -> Dialect:
    """The dialect of a file made of these raw rows below one header; values are read as the contract declares."""
    ways = {json.dumps([u.get(k) for k in ("delimiter", "quoteChar", "escapeChar", "doubleQuote", "skipInitialSpace", "columns")])
            for u in used}  # fmt: skip
    if len(ways) > 1:
        raise _bad(
            file, "the rows come from files that are written differently", "Replay the rows of each file by themselves."
        )
    one = used[0]
    own_end = one.get("lineTerminator") if one.get("lineTerminator") not in _LINE_ENDS else None
    return replace(
        declared, delimiter=one["delimiter"], quote_char=one["quoteChar"] or "", escape_char=one["escapeChar"] or "",
        double_quote=one["doubleQuote"], skip_initial_space=one["skipInitialSpace"], line_terminator=own_end,
        header=True, header_rows=(1,), comment_rows=(), comment_char="", skip_rows=0, footer_rows=None,
        encoding="utf-8", compression=None,
    )  # fmt: skip


def _json_lines(file: Path, used: list[Mapping[str, Any]], declared: Dialect) -> Dialect:
    """The dialect of these raw rows, one per line. Rows that are arrays left the row that names their values behind."""
    lines = replace(declared, property=None, encoding="utf-8", compression=None)
    if declared.item_type != "array" or declared.item_keys is not None or declared.header is False:
        return lines
    names = {tuple(u.get("itemKeys", ())) for u in used}
    if len(names) != 1 or names == {()}:
        raise _bad(
            file, "the rows are arrays, and what names their values differs from file to file or is not on record",
            "Replay the rows of each file by themselves, or declare `itemKeys`.",
        )  # fmt: skip
    return replace(lines, item_keys=names.pop(), header=False)


def _write_lines(texts: list[str], target: Path) -> None:
    """One JSON text a line: a line end is nothing there but a blank."""
    target.write_text("".join(t.replace("\r", " ").replace("\n", " ") + "\n" for t in texts), "utf-8", newline="")


def _said_by_paths(
    table: Table, file: Path, rows: list[dict[str, Any]], names: list[str]
) -> list[dict[str, str | None]]:
    """Of every row what its file's path says (`year=2024/`) of columns that are not among `names`, by column."""
    from sluice.adapters.duck import partition_values

    found = []
    for row in rows:
        values = {table.columns[i].name: value for i, value in partition_values(str(row["file"]), table).items()}
        found.append({name: value for name, value in sorted(values.items()) if name not in names})
    if any(said.keys() != found[0].keys() for said in found):
        raise _bad(
            file,
            "the rows come from folders that say different things",
            "Replay the rows of each folder by themselves.",
        )
    return found


def _with_members(text: str, table: Table, said: Mapping[str, str | None]) -> str:
    """A JSON object with what its path says, unless it says so itself; anything else as it is."""
    try:
        members = json.loads(text)
    except ValueError:
        return text
    absent = {n: v for n, v in said.items() if isinstance(members, dict) and n not in members}
    if not absent:
        return text
    bare = {c.name for c in table.columns if c.type.kind in (*NUMBERS, Kind.BOOLEAN)}
    more = (f"{json.dumps(n)}: {v if n in bare and v is not None else json.dumps(v)}" for n, v in absent.items())
    return f"{text.rstrip()[:-1]}{', ' if members else ''}{', '.join(more)}}}"


def _joined(text: str, more: list[str | None], shape: Dialect) -> str:
    """A raw row with more values behind it."""
    null = shape.null_sequence[0] if shape.null_sequence else ""
    values = [null if value is None else _line([value], shape) for value in more]
    return (shape.delimiter or ",").join([text, *values])


def _line(values: list[str], shape: Dialect) -> str:
    delimiter, quote = shape.delimiter or ",", shape.quote_char or ""
    special = (delimiter, quote or "\0", "\n", "\r", " ")
    return delimiter.join(
        f"{quote}{v.replace(quote, quote * 2)}{quote}" if quote and any(s in v for s in special) else v for v in values
    )


def _bad(file: Path, message: str, mend: str) -> BadInputError:
    return BadInputError("REPLAY_ROWS", message, where=str(file), mend=mend)
