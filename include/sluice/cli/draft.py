"""sluice draft."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from sluice.cli.console import emit_json
from sluice.errors import BadInputError, UsageError
from sluice.lake import ObjectStore
from sluice.settings import load

_DEFAULT_MEGABYTES = 1024


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH_OR_URI...")
@click.option("--id", "identity", metavar="ID", help="The source's id (a-z, 0-9, _); default: from the name.")
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to write the contract; - is standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option(
    "--sample-above", type=click.IntRange(min=1), default=_DEFAULT_MEGABYTES, show_default=True, metavar="MB",
    help="Tables with more text than this are typed from a sample.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="For machines: the report on standard output, with the contract.")
def draft(
    sources: tuple[str, ...], identity: str | None, output: str, force: bool, sample_above: int, as_json: bool
) -> None:
    """Draft a contract from data: a file is a table, a folder is one contract with a table per set of like files.

    Types, keys and relationships are measured; what only people know is marked TODO in the draft.
    """
    from sluice.contract.model import SOURCE_ID
    from sluice.draft.document import DraftServer
    from sluice.draft.naming import identifier, stem
    from sluice.stream.drafting import draft_contract
    from sluice.stream.places import find_place

    if identity is not None and not SOURCE_ID.fullmatch(identity):
        raise UsageError("BAD_ID", f"the id {identity!r} cannot name a source",
                         mend="Use a-z, 0-9 and _, starting with a letter, at most 63 characters.")  # fmt: skip
    target = None if output == "-" else Path(output)
    if target is not None and target.exists() and not force:
        raise BadInputError("FILE_EXISTS", "the file exists already", where=str(target),
                            mend="Give another name, or --force to replace it.")  # fmt: skip
    settings = load()
    place = find_place(sources, settings, _store)
    title = stem(place.name)
    server = DraftServer("s3" if place.base.startswith("s3://") else "local", _base(place.base, target))
    progress = _Progress()
    drafted = draft_contract(
        place, identity or identifier(title, "source"), title, server, settings,
        sample_above=sample_above << 20, say=progress.say,
    )  # fmt: skip
    progress.clear()
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(drafted.text, encoding="utf-8")
    elif not as_json:
        click.echo(drafted.text, nl=False)
    if as_json:
        emit_json(asdict(drafted))
        return
    for table in drafted.tables:
        click.echo(_told(asdict(table)), err=True)
    for name, why in drafted.skipped:
        click.echo(f"skipped {name}: {why}", err=True)
    if target is not None:
        click.echo(f"Written: {target}. Next: fill in the TODOs, then `sluice try {target} --out try`.", err=True)


def _store() -> ObjectStore:
    from sluice.adapters.stores.s3 import S3Store

    return S3Store()


def _base(base: str, target: Path | None) -> str:
    """The server's path: relative when the data lies at or below the contract's own folder."""
    if target is None or base.startswith("s3://"):
        return base
    folder = Path(os.path.abspath(target)).parent  # noqa: PTH100 - links stay as they are named
    return Path(base).relative_to(folder).as_posix() if Path(base).is_relative_to(folder) else base


def _told(table: dict[str, object]) -> str:
    rows, key = f"{table['rows']:,} rows", table["key"]
    parts = [
        f"{table['columns']} columns",
        rows if not table["sampled"] else f"a sample of {rows} ({table['sampled']})",
    ]
    parts.append(f"key: {', '.join(map(str, key))}" if isinstance(key, list) and key else "no key found")
    if table["quarantined"] and isinstance(table["reasons"], dict):
        why = ", ".join(f"{k} {v:,}" for k, v in table["reasons"].items())
        parts.append(click.style(f"{table['quarantined']:,} bad rows ({why})", fg="yellow"))
    return f"{table['name']}: {'; '.join(parts)}"


class _Progress:
    """One line on a terminal that says what is going on; silent elsewhere."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self.shown:
            click.echo(f"\r\x1b[K{text[:100]}", nl=False, err=True)

    def clear(self) -> None:
        if self.shown:
            click.echo("\r\x1b[K", nl=False, err=True)
