"""sluice quarantine: what did not fit, out to be repaired, and back into the next load."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.errors import BadInputError, UsageError
from sluice.settings import Settings, load

if TYPE_CHECKING:
    from sluice.contract.model import Table
    from sluice.stream.bad_rows import Quarantined, Shelf

_OUT = click.option("--out", type=click.Path(path_type=Path, file_okay=False, exists=True), help="A folder of `sluice try`, instead of the lake.")  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
_USER = click.option("--user", help="Who replays; default SLUICE_USER, or the local stack's demo requester.")


@click.group()
def quarantine() -> None:
    """Rows that do not fit their contract: see them, repair them, replay them.

    Values of confidential and restricted columns are shown by nothing but `export` and `show --raw`.
    """


@quarantine.command("list")
@click.argument("name", required=False, metavar="[SOURCE|REQUEST]")
@_OUT
@_JSON
def list_(name: str | None, out: Path | None, as_json: bool) -> None:
    """Count bad rows by table and reason, with first examples; and what is offered for replay."""
    with _shelves(name, out) as shelves:
        found = [_summary(shelf) for shelf in shelves]
    if as_json:
        emit_json(found)
        return
    for source in found:
        _show_summary(source)


@quarantine.command()
@click.argument("names", nargs=-1, required=True, metavar="[SOURCE|REQUEST] TABLE")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many rows.")
@click.option("--raw", is_flag=True, help="The rows themselves, whatever is in them.")
@_OUT
@_JSON
def show(names: tuple[str, ...], limit: int, raw: bool, out: Path | None, as_json: bool) -> None:
    """Show bad rows of a table one by one."""
    from sluice.stream.bad_rows import shown

    with _one(names, out) as (shelf, found):
        rows = [
            row if raw else shown(found.table, row) for row in islice(shelf.rows(found), limit)
        ]  # fmt: skip
    rows = [r | ({"raw": r["raw"].decode("utf-8", "backslashreplace")} if raw else {}) for r in rows]
    if as_json:
        emit_json(rows)
        return
    table(
        ["file", "line", "column", "why", "reason", *(["raw"] if raw else [])],
        [[r["file"], r["line"], r["column"] or "-", r["reason_code"], r["reason"], *([r["raw"]] if raw else [])] for r in rows],
        right=(1,),
    )  # fmt: skip


@quarantine.command()
@click.argument("names", nargs=-1, required=True, metavar="[SOURCE|REQUEST] TABLE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new .jsonl file."
)
@_OUT
@_JSON
def export(names: tuple[str, ...], output: Path, out: Path | None, as_json: bool) -> None:
    """Write a table's bad rows, whole and with their reasons, as JSON lines: repair `raw`, then replay the file."""
    with _one(names, out) as (shelf, found):
        try:
            with output.open("x", encoding="utf-8", newline="\n") as target:
                output.chmod(0o600)  # nobody has decided yet who may see these rows
                count = shelf.export(found, target)
        except FileExistsError:
            raise UsageError(
                "FILE_EXISTS", f"{output} exists", mend="Give a new name: repaired rows are not overwritten."
            ) from None
        except BadInputError:
            output.unlink()
            raise
    if as_json:
        emit_json({"table": found.table.name, "attempt": found.attempt, "rows": count, "file": str(output)})
        return
    command = (
        f"sluice quarantine replay {shelf.contract.id} {found.table.name} {output}{f' --out {out}' if out else ''}"
    )
    click.echo(f"{count:,} rows of {found.table.name} in {output}")
    click.echo(f"  Repair `raw`, take out what cannot be repaired, then: {command}")


@quarantine.command()
@click.argument("source")
@click.argument("table_name", metavar="TABLE")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_OUT
@_USER
@_JSON
def replay(source: str, table_name: str, file: Path, out: Path | None, user: str | None, as_json: bool) -> None:
    """Offer repaired rows: they join the next load of the table, once.

    FILE is an export with its `raw` repaired, or rows as the source writes them. They are tried at once; rows that
    still do not fit are refused (exit 2).
    """
    by = _identity(load(), user, out)
    with _shelves(source, out) as (shelf, *_):
        offer, new = shelf.offer(_table(shelf, table_name), file, by, datetime.now(UTC))
    if as_json:
        emit_json({"source": offer.source, "table": table_name, "replay": offer.digest, "rows": offer.rows, "new": new,
                   "offered_by": offer.offered_by, "offered_at": offer.offered_at})  # fmt: skip
        return
    click.echo(
        f"{'Offered' if new else 'Already offered'}: {offer.rows:,} rows of {table_name} join its next load ({offer.digest[:12]})."
    )


@quarantine.command()
@click.argument("source")
@click.argument("table_name", metavar="TABLE")
@click.argument("digest", metavar="REPLAY")
@_OUT
@_USER
def withdraw(source: str, table_name: str, digest: str, out: Path | None, user: str | None) -> None:
    """Take an offer back, as long as no load took it; exit 1 when one has. REPLAY is its number or the beginning."""
    from sluice.stream.replay import standings

    by = _identity(load(), user, out)
    with _shelves(source, out) as (shelf, *_):
        lake_name = _table(shelf, table_name).table_name
        found = [
            s
            for s in standings(shelf.store, shelf.layout, shelf.contract.id, lake_name)
            if s.offer.digest.startswith(digest)
        ]
        if len(found) != 1:
            raise UsageError(
                "REPLAY", f"{len(found)} replays begin with {digest!r}", mend="`sluice quarantine list` shows them."
            )
        replace(shelf.replays, by=by).withdraw(found[0])
    click.echo(f"Withdrawn: {found[0].offer.rows:,} rows of {table_name}.")


@contextmanager
def _shelves(name: str | None, out: Path | None) -> Iterator[list[Shelf]]:
    """The quarantines that are meant: of a source or request, or of every source."""
    settings = load()
    with tempfile.TemporaryDirectory(prefix="sluice-quarantine-") as scratch:
        found = _in_trial(name, out, settings, Path(scratch)) if out else _in_lake(name, settings, Path(scratch))
        yield found


def _in_trial(name: str | None, out: Path, settings: Settings, scratch: Path) -> list[Shelf]:
    from sluice.contract.reading import load_contract
    from sluice.stream.bad_rows import Shelf
    from sluice.stream.trial import CONTRACT, TrialLayout, replays_of

    shelves = []
    folders = sorted(p.parent.parent.resolve() for p in out.glob(f"*/{CONTRACT}"))
    for folder in folders:
        if name in (None, folder.name):
            work = scratch / folder.name
            work.mkdir()
            replays = replays_of(folder, TrialLayout(folder.as_uri(), folder.as_uri()))
            shelves.append(Shelf(load_contract(folder / CONTRACT), replays, settings, work))
    if not shelves:
        there = f"Give one of the sources that were tried there: {', '.join(f.name for f in folders)}."
        raise UsageError("NO_TRIAL", f"there is no trial{f' of {name!r}' if name else ''} in {out}",
                         mend=there if folders else "Give the folder that `sluice try --out` was given.")  # fmt: skip
    return shelves


def _in_lake(name: str | None, settings: Settings, scratch: Path) -> list[Shelf]:
    from sluice.onboarding import contract_of
    from sluice.stream.bad_rows import Shelf
    from sluice.stream.replay import Replays, fate_in
    from sluice.stream.tools import connect

    tools = connect(settings)
    with tools.ledger.reading() as tx:
        request = tx.request(name) if name else None
        newest = {r.source: r for r in tx.requests()} if request is None else {request.source: request}
    if name is not None and request is None:
        newest = {s: r for s, r in newest.items() if s == name}
        if not newest:
            raise UsageError(
                "NO_SOURCE", f"there is no source and no request {name!r}", mend="`sluice status` lists them."
            )
    replays = Replays(tools.store, tools.layout, "", fate_in(tools.ledger, tools.layout), tools.now)
    shelves = []
    for source, asked in sorted(newest.items()):
        work = scratch / source
        work.mkdir()
        shelves.append(Shelf(contract_of(asked), replays, settings, work, own_attempts=request is not None))
    return shelves


@contextmanager
def _one(names: tuple[str, ...], out: Path | None) -> Iterator[tuple[Shelf, Quarantined]]:
    """The one table's quarantine that `[SOURCE] TABLE` names. Raises UsageError (NO_QUARANTINE, WHICH_SOURCE)."""
    if len(names) > 2:
        raise UsageError("NAMES", "give a source and a table", mend="sluice quarantine show SOURCE TABLE")
    with _shelves(names[0] if len(names) == 2 else None, out) as shelves:
        having = [s for s in shelves if any(names[-1] in (t.name, t.table_name) for t in s.contract.tables)]
        if len(having) > 1:
            raise UsageError("WHICH_SOURCE", f"several sources have a table {names[-1]!r}",
                             mend=f"Name one: {', '.join(s.contract.id for s in having)}.")  # fmt: skip
        shelf = having[0] if having else shelves[0]
        found = shelf.newest(_table(shelf, names[-1]))
        if found is None:
            raise UsageError(
                "NO_QUARANTINE",
                f"nothing of {names[-1]!r} is in quarantine",
                mend="`sluice quarantine list` shows what is.",
            )
        yield shelf, found


def _table(shelf: Shelf, name: str) -> Table:
    for known in shelf.contract.tables:
        if name in (known.name, known.table_name):
            return known
    raise UsageError("NO_TABLE", f"{shelf.contract.id} has no table {name!r}",
                     mend=f"Tables: {', '.join(t.name for t in shelf.contract.tables)}.")  # fmt: skip


def _identity(settings: Settings, user: str | None, out: Path | None) -> str:
    """Who replays: whoever would ask for the source; in a trial's folder the system's user."""
    if out is not None:
        return user or settings.user or getpass.getuser()
    from sluice.cli.identity import REQUESTER, session

    with session(settings, user=user, default=REQUESTER) as api:
        return api.user


def _summary(shelf: Shelf) -> dict[str, Any]:
    from sluice.stream.replay import standings

    tables: list[dict[str, Any]] = []
    replays: list[dict[str, Any]] = []
    for declared in shelf.contract.tables:
        found = shelf.newest(declared)
        if found is not None:
            tables.append(_quarantined(shelf, found))
        for standing in standings(shelf.store, shelf.layout, shelf.contract.id, declared.table_name):
            offer = standing.offer
            replays.append({"table": declared.name, "replay": offer.digest, "rows": offer.rows, "offered_by": offer.offered_by,
                            "offered_at": offer.offered_at, "taken_by": standing.taken_by})  # fmt: skip
    return {"source": shelf.contract.id, "tables": tables, "replays": replays}


def _quarantined(shelf: Shelf, found: Quarantined) -> dict[str, Any]:
    from sluice.stream.bad_rows import reason_for

    counted = shelf.reasons(found)
    reasons = [
        {
            "column": r.column, "reason_code": r.reason_code, "rows": r.rows,
            "examples": [{"file": e.file, "line": e.line, "reason": reason_for(found.table, r.column, e.reason)} for e in r.first],
        }
        for r in counted
    ]  # fmt: skip
    return {
        "table": found.table.name,
        "attempt": found.attempt,
        "landed": found.manifest is not None,
        "policy": found.table.bad_rows.policy,
        "rows": sum(r.rows for r in counted),
        "reasons": reasons,
    }


def _show_summary(source: dict[str, Any]) -> None:
    heading(source["source"])
    if not source["tables"]:
        click.echo("  nothing in quarantine")
    for found in source["tables"]:
        stopped = "" if found["landed"] else ", landing was stopped"
        click.echo(f"  {found['table']}: {found['rows']:,} rows ({found['policy']}{stopped})")
        for reason in found["reasons"]:
            click.echo(f"    {reason['rows']:>8,}  {reason['reason_code']}  {reason['column'] or ''}")
            for example in reason["examples"]:
                click.echo(f"              {example['file']}:{example['line']}: {example['reason']}")
    for offered in source["replays"]:
        fate = f"taken by {offered['taken_by']}" if offered["taken_by"] else "joins the next load"
        click.echo(
            f"  replay {offered['replay'][:12]}: {offered['rows']:,} rows of {offered['table']}, by {offered['offered_by']}, {fate}"
        )
