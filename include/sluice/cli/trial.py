"""sluice try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.console import emit_json, heading, show_error, table
from sluice.cli.contracts import show_checks, show_drift
from sluice.errors import BadInputError, InvalidContractError, SluiceError
from sluice.settings import Settings, load
from sluice.words import duration

if TYPE_CHECKING:
    from sluice.stream.trial import Trial

NOT_GOOD, BAD_INPUT = 1, 2


@dataclass
class Tried:
    """What became of one contract: a trial, or the error that kept it from beginning."""

    path: Path
    trial: Trial | None = None
    error: SluiceError | None = None

    @property
    def errors(self) -> list[SluiceError]:
        if self.error is not None:
            return [self.error]
        return list(self.trial.errors.values()) if self.trial is not None else []

    @property
    def code(self) -> int:
        """The exit code that it asks for."""
        if self.errors:
            return BAD_INPUT
        return 0 if self.trial is not None and self.trial.success else NOT_GOOD

    def to_json(self) -> dict[str, Any]:
        """The evidence; of a contract that cannot be read, the error in its place."""
        if self.trial is not None:
            return self.trial.evidence
        error = self.errors[0]
        body: dict[str, Any] = {"code": error.code, "message": error.message, "where": error.where, "mend": error.mend}
        if isinstance(error, InvalidContractError):
            body["findings"] = [vars(f) for f in error.findings]
        return {"contract": str(self.path), "error": body}


@click.command("try")
@click.argument("contracts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the results go.")
@click.option(
    "--since",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="EVIDENCE_JSON",
    help="Compare with the evidence of an earlier trial; once for each source.",
)
@click.option(
    "--docs/--no-docs", default=None, help="Make Data Docs of the checks [default: of one contract, not of many]."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def try_(contracts: tuple[Path, ...], out: Path, since: tuple[Path, ...], docs: bool | None, as_json: bool) -> None:
    """Request, land, profile and check on this machine: no Airflow, no AWS.

    Writes OUT/<source>/: report.html to read, evidence.json, staged/ and quarantine/ (Parquet), data_docs/ (what the
    checks found, in Great Expectations' format and as pages). What was there
    from an earlier trial is replaced when the new one is complete. One contract's troubles do not stop the others.

    Exit code 0: good. 1: a required check failed. 2: a contract or its data cannot be used.
    """
    from sluice.cli.progress import Progress

    settings = load()
    # Before anything is replaced: it may be the evidence of the trial that this one takes the place of.
    earlier = _earlier(since)
    alone = len(contracts) == 1
    tried: list[Tried] = []
    seen: dict[str, Path] = {}
    with Progress(len(contracts), quiet=as_json) as progress:
        for path in contracts:
            progress.next(path)
            pages = alone if docs is None else docs
            done = _try_one(path, out, settings, seen, progress, earlier, docs=pages)
            tried.append(done)
            if alone and done.trial is not None and not as_json:
                show_trial(done.trial)
            elif not alone and not as_json:
                click.echo(_line(done))
            for error in done.errors:
                show_error(error, as_json=as_json)
    for source in earlier.keys() - seen.keys():
        click.secho(
            f"--since: no contract tried here is of the source {source!r}; nothing was compared with it",
            err=True,
            fg="yellow",
        )
    if as_json:
        emit_json([t.to_json() for t in tried])
    elif not alone:
        click.echo(_summary(tried, out))
    if worst := max(t.code for t in tried):
        raise click.exceptions.Exit(worst)


def _earlier(files: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """The evidence in `files` by source. Raises BadInputError (NOT_EVIDENCE)."""
    from sluice.stream.earlier import read_evidence

    read = [read_evidence(path) for path in files]
    return {evidence["source"]: evidence for evidence in read}


def _try_one(
    path: Path,
    out: Path,
    settings: Settings,
    seen: dict[str, Path],
    progress: Any,
    earlier: Mapping[str, Any],
    *,
    docs: bool,
) -> Tried:
    from sluice.linting import usable_contract
    from sluice.stream.trial import try_contract

    try:
        contract = usable_contract(path)
        if contract.id in seen:
            raise BadInputError(
                "SAME_SOURCE", f"{seen[contract.id]} is the contract of {contract.id!r} too, and both would write to the "
                "same folder", where=str(path), mend="Try them one after the other, with an --out of their own.",
            )  # fmt: skip
        seen[contract.id] = path
        base, since = str(path.resolve().parent), earlier.get(contract.id)
        return Tried(path, try_contract(contract, base, out, settings, progress.watch, since, docs=docs))
    except SluiceError as error:
        return Tried(path, error=error)


def show_trial(trial: Trial) -> None:
    """A trial on one screen."""
    from sluice.trial_report import rejected, verdict

    evidence = trial.evidence
    tone, sentence = verdict(trial)
    heading(f"{evidence['source']} {trial.contract.version}")
    click.secho(f"  {sentence}", fg={"good": "green", "warn": "yellow", "bad": "red"}[tone], bold=True)
    click.echo(f"  Risk tier {evidence['tier']}: {'; '.join(evidence['tier_reasons'])}")
    heading("Rows")
    table(
        ["table", "read", "staged", "quarantined", "dropped", "time"],
        [[t["name"], *(f"{t[k]:,}" if _landed(t) else "-" for k in ("rows_read", "rows_staged", "rows_quarantined", "rows_dropped")),
          _times(trial, t["name"])] for t in evidence["tables"]],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    if groups := rejected(trial):
        heading("Quarantine")
    for group in groups:
        place = f"{group.table}.{group.column}" if group.column else group.table
        click.echo(f"  {place}: {group.rows:,} {click.style(group.code, fg='yellow')}")
        for row in group.examples:
            click.echo(f"    {row.file}:{row.line}  {row.reason}")
            click.secho(f"      {row.text}", dim=True)
        click.echo(f"    mend: {group.mend}")
    show_checks(evidence["quality"])
    show_drift(evidence["tables"])
    personal = [(t["name"], c) for t in evidence["tables"] for c in t["columns"] if c["pii"]]
    if personal:
        heading("Personal data")
    for name, column in personal:
        kinds = ", ".join(f"{found['kind']} in {found['share']:.0%}" for found in column["pii"])
        click.echo(f"  {name}.{column['name']}: {kinds} (classified {column['classification']})")
    show_detected(evidence["tables"])
    show_catalog(evidence["catalog"])
    click.echo(f"\n  Cost: about {evidence['cost']['monthly_usd']:.4f} USD a month")
    click.echo(f"  Report: {trial.folder / 'report.html'}")
    if any("page" in docs for docs in evidence["quality"]["data_docs"].values()):
        click.echo(f"  Data Docs: {trial.folder / 'data_docs' / 'index.html'}")


def show_detected(tables: Sequence[Mapping[str, Any]]) -> None:
    """The terms of the dialect that the contract left open, and what they were found to be."""
    from sluice.trial_report import dialect_words

    alike: dict[str, list[str]] = {}
    for found in tables:
        words = ", ".join(f"{term} {value}" for term, value, detected in dialect_words(found["dialect"]) if detected)
        alike.setdefault(words, []).append(found["name"])
    alike.pop("", None)
    if alike:
        heading("Detected, not declared")
    for words, names in alike.items():
        click.echo(f"  {', '.join(names)}: {words}")


def show_catalog(asked: Mapping[str, Any]) -> None:
    """What registering would ask of the catalog; evidence.json and the report have all of it."""
    heading(
        f"Catalog ({'AWS Glue' if asked['kind'] == 'glue' else 'Iceberg SQL catalog'}; nothing is created by a trial)"
    )
    table(
        ["table", "columns", "key", "partitions", "sorted by", "classification"],
        [[w["identifier"], len(w["columns"]), ", ".join(w["key"]), ", ".join(w["partition"]), ", ".join(w["sort"]), w["tags"]["table"]]
         for w in asked["tables"].values()],
        right=(1,),
    )  # fmt: skip
    if asked["access"]:
        roles = ", ".join(dict.fromkeys(g["role"] for g in asked["access"]))
        click.echo(
            f"  After publication these roles get access: {roles}"
            + ("" if asked["access_enforced"] else " (not enforced: a lake of files knows no grants)")
        )


def _landed(found: dict[str, Any]) -> bool:
    return bool(found.get("error", {}).get("stage") != "land")


def _times(trial: Trial, name: str) -> str:
    return ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in trial.seconds.get(name, {}).items())


def _line(done: Tried) -> str:
    marks = {0: click.style("good", fg="green"), 1: click.style("FAILED", fg="red"), 2: click.style("BAD", fg="red")}
    head = f"{marks[done.code]}  {done.trial.evidence['source'] if done.trial else done.path}"
    if done.errors:
        return f"{head}: {', '.join(sorted({e.code for e in done.errors}))}"
    tables = done.trial.evidence["tables"] if done.trial else []
    quality = done.trial.evidence["quality"] if done.trial else {}
    rows, bad = (sum(t[k] for t in tables) for k in ("rows_read", "rows_quarantined"))
    checks = f"{quality['evaluated'] - quality['failed']} of {quality['evaluated']} checks hold"
    return f"{head}: {rows:,} rows, {bad:,} quarantined, {checks}"


def _summary(tried: list[Tried], out: Path) -> str:
    count = [sum(t.code == code for t in tried) for code in (0, NOT_GOOD, BAD_INPUT)]
    return f"\n{len(tried)} contracts: {count[0]} good, {count[1]} failed checks, {count[2]} could not be used. Reports: {out}/<source>/report.html"
