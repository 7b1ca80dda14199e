"""A trial: the machine's stages on a local folder, for a source owner who wants to know before asking."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.adapters.stores.local import FileStore, local_path
from sluice.contract.model import Contract, Table
from sluice.errors import SluiceError, TerminalError, UsageError
from sluice.evidence import publication_pack
from sluice.lake import Layout, Manifest, ObjectStore
from sluice.policy import load_policy
from sluice.registration import catalog_part, table_request
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.check import check_table, failed_files, found_private
from sluice.stream.data_docs import keep_docs
from sluice.stream.earlier import profiles_in
from sluice.stream.gate import strict_json
from sluice.stream.land import land_table
from sluice.stream.outcome import FILES, FOLDERS, replaced
from sluice.stream.profile import profile_table
from sluice.stream.replay import Fate, Offer, Replays
from sluice.stream.source import Delivery, deliveries
from sluice.stream.tools import use_aws

if TYPE_CHECKING:
    from sluice.adapters.duck import Rejection

Watch = Callable[[Table, Stage, int, Path], AbstractContextManager[None]]
"""Told, around every stage of a table, the table, the stage, the bytes of its sources, and the scratch folder."""


def unwatched(table: Table, stage: Stage, size: int, scratch: Path) -> AbstractContextManager[None]:
    """Nobody looks on."""
    return nullcontext()


CONTRACT = "manifests/contract.yaml"
"""The contract of a trial, as it was then: what is in its quarantine can only be understood by it."""
LOADS = "replay/.loads"
"""An empty file for each trial that took replays and came to its evidence."""


@dataclass(frozen=True)
class TrialLayout(Layout):
    """Where a trial's files lie below a folder; the source's own files stay where they are.

    `kept` is the folder that outlives the trial: what was offered for replay lies there, whatever work folder
    the trial has.
    """

    kept: str

    def landing(self, source: str, table: str, sha256: str, name: str) -> str | None:
        return None

    def staged(self, source: str, table: str, attempt: str, name: str) -> str:
        return f"{self.root}/staged/{table}/{name}"

    def quarantine(self, source: str, table: str, attempt: str, name: str) -> str:
        return f"{self.root}/quarantine/{table}/{name}"

    def failed_rows(self, source: str, table: str, attempt: str, name: str) -> str:
        return f"{self.root}/failed_rows/{table}/{name}"

    def evidence(self, source: str, digest: str, name: str) -> str:
        return f"{self.root}/data_docs/{name.removeprefix('gx/')}"

    def manifest(self, source: str, table: str, attempt: str) -> str:
        return f"{self.root}/manifests/{table}.json"

    def replay(self, source: str, table: str, digest: str, name: str) -> str:
        return f"{self.kept}/replay/{table}/{digest}/{name}"


def replays_of(folder: Path, layout: TrialLayout) -> Replays:
    """A trial's folder's replays, for a load of its own; a trial that came to its evidence has used up what it took."""

    def fate(load: str, offer: Offer) -> Fate:
        return Fate.PUBLISHED if (folder / LOADS / load).exists() else Fate.OVER

    return Replays(FileStore(), layout, f"try-{secrets.token_hex(8)}", fate, lambda: datetime.now(UTC))


@dataclass
class Trial:
    """What a trial found: the evidence, what it says too little about, and where the files are.

    `checks` are the check reports by table, `seconds` is wall time by table and stage; `errors` what kept a table from coming through, by table.
    """

    contract: Contract
    folder: Path
    evidence: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rejections: dict[str, list[Rejection]] = field(default_factory=dict)
    seconds: dict[str, dict[Stage, float]] = field(default_factory=dict)
    errors: dict[str, SluiceError] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Every table came through, and no required check failed."""
        return bool(self.evidence["quality"]["success"])


def try_contract(
    contract: Contract,
    base: str,
    out: Path,
    settings: Settings,
    watch: Watch = unwatched,
    since: Mapping[str, Any] | None = None,
    *,
    docs: bool = True,
) -> Trial:
    """Land, profile and check every table into `<out>/<source>`, which the results replace all at once.

    `since` is the evidence of an earlier trial or publication, which the profiles are compared with. `docs`: pages
    are made of the checks' results, which are kept in GX's format in any case.

    Data that cannot be landed and checks that fail are found in the trial, not raised. Raises UsageError when
    the folder is not ours to replace, BadInputError for a policy that cannot be used.
    """
    policy = load_policy(settings.policy)
    trial = Trial(contract, out.resolve() / contract.id)
    with _translated(trial.folder), replaced(trial.folder) as work:
        run = _Run(trial, base, settings, work, watch, since, docs=docs)
        run.all_stages(policy)
        _keep_manifests(work, trial)
        _keep_index(work, trial)
        (work / "report.html").write_text(_page(trial), "utf-8")
        (work / "evidence.json").write_bytes(strict_json(trial.evidence))
    if (trial.folder / "replay").exists():
        loads = trial.folder / LOADS
        loads.mkdir(exist_ok=True)
        (loads / run.replays.load).touch()
    return trial


def _keep_manifests(work: Path, trial: Trial) -> None:
    """The contract beside the manifests, which name the files where they will be."""
    (work / CONTRACT).parent.mkdir(exist_ok=True)
    (work / CONTRACT).write_text(trial.contract.text, "utf-8")
    for manifest in (work / CONTRACT).parent.glob("*.json"):
        manifest.write_text(manifest.read_text("utf-8").replace(work.as_uri(), trial.folder.as_uri()), "utf-8")


def _keep_index(work: Path, trial: Trial) -> None:
    from sluice.adapters.gx.data_docs import index_page

    pages = {name: Path(d["page"]).name for name, d in trial.evidence["quality"]["data_docs"].items() if "page" in d}
    if pages:
        index = index_page(trial.contract.id, trial.checks, pages)
        (work / "data_docs" / "index.html").write_text(index, "utf-8", errors="replace")


def _page(trial: Trial) -> str:
    from sluice.trial_report import page

    return page(trial)


class _Run:
    """One trial on its way through the stages."""

    def __init__(
        self,
        trial: Trial,
        base: str,
        settings: Settings,
        work: Path,
        watch: Watch,
        since: Mapping[str, Any] | None,
        *,
        docs: bool,
    ) -> None:
        self.trial, self.contract, self.base, self.settings = trial, trial.contract, base, settings
        self.work, self.watch, self.docs = work, watch, docs
        self.since = str(since["evidence_digest"]) if since else ""
        self.previous = profiles_in(since) if since else {}
        self.profiles: dict[str, Mapping[str, Any]] = {}
        self.layout = TrialLayout(work.as_uri(), trial.folder.as_uri())
        self.replays = replays_of(trial.folder, self.layout)
        self.origin: ObjectStore = FileStore()
        if self.contract.server.type == "s3":
            from sluice.adapters.stores.s3 import S3Store

            use_aws(settings)
            self.origin = S3Store()

    def all_stages(self, policy: Any) -> None:
        manifests: dict[str, Manifest] = {}
        profiles, checks = self.profiles, self.trial.checks
        errors: dict[str, Mapping[str, Any]] = {}
        stages: tuple[tuple[Stage, dict[str, Any], Callable[[Table, Path, Any], Any]], ...] = (
            (Stage.LAND, manifests, self.land),
            (Stage.PROFILE, profiles, self.profile),
            (Stage.CHECK, checks, self.check),
        )
        for stage, found, work in stages:
            for table in self.contract.tables:
                if table.name in errors:
                    continue
                try:
                    with self._timed(table, stage) as scratch:
                        found[table.name] = work(table, scratch, manifests)
                except SluiceError as error:
                    self.trial.errors[table.name] = error
                    errors[table.name] = {"stage": stage.value, **self._described(error)}
        self.trial.rejections = {t.name: self.rejections(t) for t in self.contract.tables}
        self.trial.evidence = publication_pack(
            self.contract,
            policy,
            {n: m.to_dict() for n, m in manifests.items()},
            profiles,
            checks,
            errors=errors,
            catalog=self.catalog_requests(),
        )

    def catalog_requests(self) -> dict[str, Any]:
        """What registering would ask of the configured lake's catalog."""
        layout = Layout(self.settings.lake)
        tables = {t.name: layout.table(self.contract.id, t.table_name) for t in self.contract.tables}
        wanted = {t.name: table_request(self.contract, t, tables[t.name]) for t in self.contract.tables}
        return catalog_part(self.contract, wanted, "sql" if self.settings.local_lake else "glue")

    def land(self, table: Table, scratch: Path, _: Any) -> Manifest:
        return land_table(
            self.contract, table, self.base, self.settings,
            origin=self.origin, store=FileStore(), layout=self.layout, scratch=scratch, replays=self.replays,
        )  # fmt: skip

    def profile(self, table: Table, scratch: Path, manifests: Mapping[str, Manifest]) -> Mapping[str, Any]:
        files, previous = _staged(manifests[table.name]), self.previous.get(table.name)
        return profile_table(table, files, self.settings, scratch, previous, self.since)

    def check(self, table: Table, scratch: Path, manifests: Mapping[str, Manifest]) -> Mapping[str, Any]:
        files = {name: _staged(manifest) for name, manifest in manifests.items()}
        private = partial(found_private, self.profiles[table.name])
        checked = check_table(self.contract, table, files, self.settings, scratch, private)
        for path in failed_files(scratch):
            FileStore().put(path, self.layout.failed_rows(self.contract.id, table.table_name, "", path.name))
        docs = keep_docs(FileStore(), self.layout, self.contract, table, checked.results, page=self.docs)
        kept = {key: value.removeprefix(f"{self.work.as_uri()}/") for key, value in docs.items()}
        return checked.report.to_dict() | {"data_docs": kept}

    def rejections(self, table: Table) -> list[Rejection]:
        """What is in the table's quarantine: that is there too when the quarantine is why landing stopped."""
        from sluice.adapters.duck import rejections

        files = sorted((self.work / "quarantine" / table.table_name).glob("*.parquet"))
        return rejections(
            files, memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.work / "passing"
        )

    @contextmanager
    def _timed(self, table: Table, stage: Stage) -> Iterator[Path]:
        """A scratch folder for one stage of one table, watched and timed; what Python raises of its own is translated."""
        scratch = self.work / "passing" / f"{stage}-{table.table_name}"
        started = time.perf_counter()
        try:
            with _translated(scratch):
                scratch.mkdir(parents=True)
                size = self._size(table) if stage is Stage.LAND else 0
                with self.watch(table, stage, size, scratch):
                    yield scratch
        finally:
            self.trial.seconds.setdefault(table.name, {})[stage] = time.perf_counter() - started

    def _size(self, table: Table) -> int:
        found = deliveries(self.contract, table, self.base, self.settings, self.origin)
        for delivery in found:
            self._refuse_own(delivery)
        return sum(delivery.size for delivery in found)

    def _refuse_own(self, delivery: Delivery) -> None:
        """The results replace folders: a source inside one of them would be gone."""
        path = Path(delivery.uri).resolve()
        if "://" not in delivery.uri and any(
            path.is_relative_to(self.trial.folder / name) for name in (*FOLDERS, *FILES)
        ):
            raise UsageError(
                "OUT_HOLDS_SOURCE", "the source's files lie where the trial's results go", where=delivery.uri,
                mend="Give another folder as --out.",
            )  # fmt: skip

    def _described(self, error: SluiceError) -> dict[str, str]:
        """The error as data, naming files where they will be found afterwards."""
        error.where = error.where.replace(self.work.as_uri(), str(self.trial.folder)).replace(
            str(self.work), str(self.trial.folder)
        )
        return {"code": error.code, "message": error.message, "where": error.where, "mend": error.mend}


def _staged(manifest: Manifest) -> list[Path]:
    return [local_path(f.uri) for f in manifest.staged]


@contextmanager
def _translated(scratch: Path) -> Iterator[None]:
    """What is not one of Sluice's errors, as one: a trial of a thousand contracts goes on after any of them."""
    try:
        yield
    except SluiceError:
        raise
    except OSError as error:
        raise TerminalError(
            "DISK", f"a file could not be read or written: {error.strerror or type(error).__name__}",
            where=str(error.filename or scratch), mend="Check space and access.",
        ) from error  # fmt: skip
    except Exception as error:
        # The text of an unforeseen exception may quote data, so it stays out.
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
        raise TerminalError(
            "DEFECT", f"Sluice failed unexpectedly ({type(error).__name__})", where=place,
            mend="This is a defect of Sluice: keep the contract and the file, and report it.",
        ) from error  # fmt: skip
