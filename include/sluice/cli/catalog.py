"""sluice catalog: what is published, for other catalogs."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.cli.console import emit_json, table
from sluice.settings import load
from sluice.words import minute


@click.group()
def catalog() -> None:
    """What is published: a list, and each source as ODCS with results, as DCAT, or as data of its page."""


@catalog.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:
    """Every published source."""
    from sluice.catalog_out import source_lines
    from sluice.stream.tools import connect

    with connect(load()).ledger.reading() as tx:
        lines = source_lines(tx)
    if as_json:
        emit_json(lines)
    elif lines:
        table(
            ["source", "version", "tables", "published", "request"],
            [[x["source"], x["version"], x["tables"], minute(x["published_at"]), x["request"]] for x in lines],
            right=(2,),
        )
    else:
        click.echo("Nothing is published.")


@catalog.command()
@click.argument("source")
@click.option("--format", "form", type=click.Choice(["odcs", "dcat", "page"]), default="odcs", show_default=True,
              help="odcs: the contract with its results, YAML. dcat: DCAT 3, JSON-LD. page: what the readable page shows, JSON.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def export(source: str, form: str, out: Path | None) -> None:
    """A published source for another catalog."""
    from sluice.stream.catalog_out import exported
    from sluice.stream.tools import connect

    text = exported(connect(load()), source, form)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        out.write_text(text, "utf-8")
        click.echo(f"{source} as {form}: {out}", err=True)
