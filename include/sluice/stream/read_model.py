"""What the DAG files need of all published sources: one small file, written from one query, read at every parse.

A thousand sources are parsed without reading a contract or asking the ledger once per DAG. The file is made anew
when it is older than FRESH; where the ledger does not answer, the old one is used, so that no DAG vanishes.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from sluice.errors import LedgerUnavailableError, SluiceError
from sluice.ledger import Ledger, Transaction
from sluice.onboarding import contract_of
from sluice.running.refreshes import TERMS, terms_of
from sluice.settings import Settings
from sluice.stages import Stage

FRESH = 30.0
"""Seconds; the scheduler looks at DAG files about as often."""
FILE = "published.json"


def published(settings: Settings, now: float) -> list[dict[str, Any]]:
    """Every published source's terms (sluice.running.refreshes.terms_of) with its `source`. `now`: seconds since 1970.

    Raises LedgerUnavailableError only where there never was a ledger to ask.
    """
    file = settings.home / FILE
    known = _read(file)
    if known is not None and 0 <= now - file.stat().st_mtime < FRESH:
        return known
    try:
        from sluice.adapters.ledger import PostgresLedger

        found = list_published(PostgresLedger(settings.ledger))
    except (SluiceError, FileNotFoundError) as error:  # no such file: the embedded database was never made
        if known is None:
            raise LedgerUnavailableError(
                "LEDGER_UNAVAILABLE", f"the published sources are not known: {error}"
            ) from error
        return known
    _write(file, found, now)
    return found


def list_published(ledger: Ledger) -> list[dict[str, Any]]:
    """The same, from the ledger."""
    with ledger.reading() as tx:
        return in_ledger(tx)


def in_ledger(tx: Transaction) -> list[dict[str, Any]]:
    """The same, within a transaction."""
    terms = {r.source: r for r in tx.newest_records(TERMS)}
    found = []
    for source in tx.published_sources():
        record = terms.get(source.source)
        if record is not None and record.content["contract_digest"] == source.contract_digest:
            content = dict(record.content)
        else:  # published before terms were kept
            content = _from_request(tx, source.request_id)
        found.append({"source": source.source, **content})
    return found


def _from_request(tx: Transaction, request_id: str) -> dict[str, Any]:
    request = tx.request(request_id)
    if request is None:
        return {}
    tables = next((a.content for a in tx.artifacts(request_id) if a.stage is Stage.PUBLISH), {})
    uris = {n: t.get("uri") or f"glue://{t['identifier'].replace('.', '/')}" for n, t in tables.items()}
    return terms_of(contract_of(request), request, tables, uris)


def _read(file: Path) -> list[dict[str, Any]] | None:
    try:
        return list(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        return None


def _write(file: Path, found: list[dict[str, Any]], now: float) -> None:
    """Replaced all at once: several parsers may write it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=f".{FILE}.", delete=False, encoding="utf-8"
        ) as part:
            json.dump(found, part, ensure_ascii=False)
        os.utime(part.name, (now, now))
        Path(part.name).replace(file)
    except OSError:  # a folder that cannot be written to makes parsing slower, not wrong
        return
