"""What the stages work with: settings, ledger, object storage; put together once per process."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sluice.access import AccessControl
from sluice.catalog import Catalog
from sluice.errors import LakeUnavailableError, SourceError
from sluice.lake import Layout, Manifest, ObjectStore, StagedFile
from sluice.ledger import Ledger
from sluice.policy import Policy, load_policy
from sluice.settings import Settings, load

SCRATCH_SECONDS = 7 * 24 * 3600
LAND_AGAIN = "Clear the run's `land` tasks to land it again; `sluice up` does that for the embedded lake."


@dataclass(frozen=True)
class Tools:
    """The ports and settings a stage needs; `now` gives the time in UTC."""

    settings: Settings
    ledger: Ledger
    store: ObjectStore
    layout: Layout
    now: Callable[[], datetime]

    def tables(self) -> Any:
        """Iceberg's own catalog, for what is done to published tables."""
        return self.catalog.source

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog that belongs to the lake."""
        from sluice.adapters.catalogs import open_catalog

        return open_catalog(self.settings, self.layout.root)

    @cached_property
    def access(self) -> AccessControl:
        """Who may read the lake's tables, where something other than the file system knows."""
        from sluice.adapters.access import open_access

        return open_access(self.layout.root)

    def policy(self) -> Policy:
        """The policy in force now."""
        return load_policy(self.settings.policy)

    def scratch(self, name: str) -> Path:
        """A folder for a request's files on their way; `sweep` removes it."""
        self.settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds data nobody approved yet
        folder = self.settings.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sweep(self, name: str) -> None:
        """Remove a scratch folder, and whatever else lies there untouched for a week.

        A request ends on one worker; what it left on others is found there by age.
        """
        shutil.rmtree(self.settings.scratch / name, ignore_errors=True)
        if not self.settings.scratch.exists():
            return
        oldest = self.now().timestamp() - SCRATCH_SECONDS
        for folder in self.settings.scratch.iterdir():
            with suppress(FileNotFoundError):  # another worker may be sweeping too
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)

    def fetch(self, manifest: Manifest, name: str) -> list[Path]:
        """The manifest's staged files as local files, verified by checksum; fetched once per scratch folder.

        Raises LakeUnavailableError (STAGED_GONE) when one is missing: landing again brings it back.
        """
        return [self._fetched(f, self.scratch(name)) for f in manifest.staged]

    def _fetched(self, staged: StagedFile, folder: Path) -> Path:
        path = folder / f"{staged.sha256}.parquet"
        if path.exists():
            return path
        part = folder / f"{staged.sha256}.{secrets.token_hex(4)}.part"
        try:
            self.store.get(staged.uri, part)
        except SourceError as error:
            raise LakeUnavailableError("STAGED_GONE", "a staged file is not there any more", where=staged.uri,
                                       mend=LAND_AGAIN) from error  # fmt: skip
        if sha256(part) != staged.sha256:
            part.unlink()
            raise LakeUnavailableError("CHECKSUM", "a staged file is not what was staged", where=staged.uri)
        return part.rename(path)


def connect(settings: Settings | None = None) -> Tools:
    """The tools on the configured ledger and lake."""
    from sluice.adapters.ledger import PostgresLedger
    from sluice.adapters.stores import open_store

    settings = settings or load()
    use_aws(settings)
    store, layout = open_store(settings.lake), Layout(settings.lake)
    return Tools(settings, PostgresLedger(settings.ledger), store, layout, lambda: datetime.now(UTC))


def use_aws(settings: Settings) -> None:
    """Point the AWS SDK of this process at the embedded AWS; a real account is the SDK's own business."""
    for name, value in settings.aws_environment().items():
        os.environ.setdefault(name, value)


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
