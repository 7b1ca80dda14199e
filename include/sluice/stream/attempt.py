"""One attempt at landing a table: everything it writes lies under its own name, until the manifest makes it count."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.contract.model import Contract, Dialect, Table
from sluice.errors import BadInputError, ConflictError, SourceError, TerminalError
from sluice.lake import Layout, Manifest, ObjectStore, QuarantineFile, SourceFile, StagedFile
from sluice.settings import Settings
from sluice.stream.arranging import Placed, placed
from sluice.stream.disk import Disk
from sluice.stream.gate import strict_json
from sluice.stream.reading import Held, hold, keep, landed
from sluice.stream.replay import Replays
from sluice.stream.route import OtherRouteError, Route, capped_by, leaving, routes_of, segment_size
from sluice.stream.source import Delivery, deliveries
from sluice.stream.streams import Streams
from sluice.stream.tools import sha256

if TYPE_CHECKING:
    from sluice.adapters.duck import Converted


class Attempt:
    """Counts and files of one attempt, on their way into its manifest."""

    def __init__(
        self,
        contract: Contract,
        table: Table,
        settings: Settings,
        *,
        origin: ObjectStore,
        store: ObjectStore,
        layout: Layout,
        disk: Disk,
        scratch: Path,
        replays: Replays,
        route: Route | None = None,
        wanted: Collection[str] | None = None,
    ) -> None:
        """`route` says how the deliveries are read; without it, what there is decides. Of the table's files only
        those of these names are `wanted`; None: all."""
        self.contract, self.table, self.settings = contract, table, settings
        self.origin, self.store, self.layout, self.disk, self.scratch = origin, store, layout, disk, scratch
        self.replays, self.route, self.wanted = replays, route, wanted
        self.name = f"{contract.digest[:12]}-{secrets.token_hex(4)}"
        self.staged: list[StagedFile] = []
        self.quarantine: list[QuarantineFile] = []
        self.reasons: Counter[str] = Counter()
        self.rows_read = self.rows_staged = self.rows_bad = self.rows_dropped = 0

    def run(self, base: str) -> Manifest:
        """Do it. Raises MovedError when a source file did not keep still, whatever else went wrong with it then;
        OtherRouteError when the deliveries are better read the other way."""
        started = self.replays.now()
        self.scratch.mkdir(parents=True)
        contract, table = self.contract, self.table
        found = deliveries(contract, table, base, self.settings, self.origin, self.wanted)
        routes = routes_of(contract, table, found, self.disk.room(), self.settings, self.layout)
        route = self.route or routes[0]
        if route is Route.SEGMENTS:
            sources = self._in_segments(found)
        else:
            left = routes if self.route is None else (route,)
            with leaving(left), self.disk.filling():
                sources = self._whole(found, capped=Route.SEGMENTS in left)
        used = self.dialect
        for i, offer in enumerate(self.replays.take(contract.id, table.table_name)):
            rows = self.scratch / f"replay-{i}" / "rows"
            sources.append(self.replays.fetch(offer, rows))
            try:
                self._convert(f"replay-{i}-", [(offer.name, rows)], offer.format, Dialect(**offer.dialect))
            except (SourceError, BadInputError) as error:
                raise SourceError(
                    "REPLAY_UNFIT", f"repaired rows no longer fit the contract: {error.message}", where=offer.name,
                    mend=f"Ask again after `sluice quarantine withdraw {contract.id} {table.name} {offer.digest[:12]}`.",
                ) from error  # fmt: skip
        self._within_limits()
        return self._manifest(started, sources, used)

    def _whole(self, found: Sequence[Delivery], *, capped: bool) -> list[SourceFile]:
        contract, table = self.contract, self.table
        held = [hold(d, self.scratch / f"source-{i}", self.origin, self.disk) for i, d in enumerate(found)]
        kept = [keep(h, self.layout, contract.id, table.table_name, self.store) for h in held]
        dialect = contract.dialect_of(table)
        try:
            plain = self._unpacked(held, [d.members for d in found], dialect, capped=capped)
            self._convert("", plain, contract.format_of(table), dialect)
        except Exception:
            for h in held:
                h.require_still(self.origin)
            raise
        return [landed(h, uri, self.origin) for h, uri in zip(held, kept, strict=True)]

    def _unpacked(
        self, held: Sequence[Held], members: Sequence[str], dialect: Dialect, *, capped: bool
    ) -> list[tuple[str, Path]]:
        from sluice.adapters.duck import unpack

        plain = []
        for i, (file, select) in enumerate(zip(held, members, strict=True)):
            with capped_by(self.disk, self.settings.limits) if capped else nullcontext(self.settings.limits) as limits:
                plain += unpack(
                    file.path, self.scratch / f"plain-{i}", name=file.name, limits=limits,
                    allow_empty=self.table.allow_empty, select=select, compression=dialect.compression,
                )  # fmt: skip
            self.disk.require(0, f"what {file.name} unfolds to")
        return plain

    def _in_segments(self, found: Sequence[Delivery]) -> list[SourceFile]:
        """Read the deliveries as streams; every segment is uploaded as soon as it is converted."""
        from sluice.adapters.duck import Segments, WholeError, interrupt

        contract, table, settings = self.contract, self.table, self.settings
        dialect = contract.dialect_of(table)
        streams = Streams(found, self.origin)
        segments = Segments(
            table, contract.format_of(table), dialect, size=segment_size(self.disk.room(), settings),
            scratch=self.scratch / "segments", memory_limit=settings.memory_limit, threads=settings.threads,
            limits=settings.limits, require=lambda size: self.disk.require(size, "the segment being read"),
        )  # fmt: skip
        converting = segments.convert(streams.files(table, dialect, settings.limits, self.disk, self.scratch / "plain"))
        try:
            for number in count():
                with self.disk.watched(interrupt):
                    converted = next(converting, None)
                if converted is None:
                    break
                self._take(converted, "", f"part-{number:05}.parquet")
            self.dialect = segments.dialect_used
            held = streams.held()
        except WholeError as error:
            raise OtherRouteError(Route.WHOLE) from error
        except Exception:
            streams.require_still()
            raise
        kept = [keep(h, self.layout, contract.id, table.table_name, self.store) for h in held]
        return [landed(h, uri, self.origin) for h, uri in zip(held, kept, strict=True)]

    def _convert(self, prefix: str, plain: Sequence[tuple[str, Path]], server_format: str, dialect: Dialect) -> None:
        from sluice.adapters.duck import convert, interrupt

        quarantine = self.scratch / f"{prefix}quarantine.parquet"
        with self.disk.watched(interrupt):
            converted = convert(
                plain, self.table, server_format, dialect, out=self.scratch / f"{prefix}staged", quarantine=quarantine,
                memory_limit=self.settings.memory_limit, threads=self.settings.threads, scratch=self.scratch / f"{prefix}work",
                limits=self.settings.limits,
            )  # fmt: skip
        self.disk.require(0, "what was staged")
        self._take(converted, prefix, "part-0.parquet")
        self.dialect = dict(converted.dialect)

    def _take(self, converted: Converted, prefix: str, quarantine: str) -> None:
        self._count(converted)
        if converted.quarantine is not None:
            self._quarantine(converted.quarantine, f"{prefix}{quarantine}", converted.rows_quarantined)
        for part in converted.staged:
            folder = self.scratch / f"{prefix}arranged-{part.path.stem}"
            for file in placed(part.path, part.rows, self.table, self.settings, folder, self.disk):
                self._stage(file, f"{prefix}{file.path.name}")
            part.path.unlink(missing_ok=True)

    def _count(self, converted: Converted) -> None:
        self.rows_read += converted.rows_read
        self.rows_staged += converted.rows_staged
        self.rows_bad += converted.rows_quarantined
        self.rows_dropped += converted.rows_dropped
        self.reasons.update(converted.reasons)

    def _stage(self, file: Placed, name: str) -> None:
        """Upload a staged part as soon as it is there, and give its space back."""
        from sluice.adapters.duck import column_statistics

        path = file.path
        uri = self.layout.staged(self.contract.id, self.table.table_name, self.name, name)
        digest = sha256(path)
        statistics = column_statistics(path, self.table)
        self.staged.append(StagedFile(uri, file.rows, path.stat().st_size, digest, statistics, file.partition))
        self.store.put(path, uri, sha256=digest, final=True)
        path.unlink()

    def _quarantine(self, path: Path, name: str, rows: int) -> None:
        from sluice.adapters.duck import without_values

        if not self.table.bad_rows.keep_raw:
            path = without_values(path, path.with_suffix(".places"))
        uri = self.layout.quarantine(self.contract.id, self.table.table_name, self.name, name)
        digest = sha256(path)
        self.quarantine.append(QuarantineFile(uri, rows, path.stat().st_size, digest))
        self.store.put(path, uri, sha256=digest, final=True)
        path.unlink()

    def _within_limits(self) -> None:
        bad, read, terms = self.rows_bad, self.rows_read, self.table.bad_rows
        where = self.quarantine[0].uri if self.quarantine else ""
        said = f"{bad:,} of {read:,} rows of {self.table.name!r} do not fit the contract"
        if terms.policy == "refuse" and bad:
            raise SourceError("BAD_ROWS", f"{said}, which refuses a single one", where=where,
                              mend="Mend the rows at the source; `sluice quarantine list` shows them.")  # fmt: skip
        if terms.max_rows is not None and bad > terms.max_rows:
            allowed = f"{terms.max_rows:,} rows"
        elif terms.max_share is not None and bad > terms.max_share * read:
            allowed = f"{terms.max_share:.2%}"
        else:
            return
        raise SourceError("QUARANTINE_LIMIT", f"{said}; it allows {allowed}", where=where,
                          mend="Mend the rows at the source (`sluice quarantine list` shows them), or agree on another limit.")  # fmt: skip

    def _manifest(self, started: datetime, sources: Sequence[SourceFile], dialect: dict[str, Any]) -> Manifest:
        contract, table = self.contract, self.table
        dropped = table.bad_rows.policy == "drop"
        manifest = Manifest(
            source=contract.id,
            table=table.name,
            contract_digest=contract.digest,
            load=self.replays.load,
            attempt=self.name,
            started_at=started.isoformat(),
            finished_at=self.replays.now().isoformat(),
            sources=tuple(sources),
            columns=tuple({"name": c.name, "field_name": c.field_name, "type": str(c.type)} for c in table.columns),
            staged=tuple(self.staged),
            quarantine=tuple(self.quarantine),
            rows_read=self.rows_read,
            rows_staged=self.rows_staged,
            rows_quarantined=0 if dropped else self.rows_bad,
            rows_dropped=self.rows_dropped + (self.rows_bad if dropped else 0),
            reasons=dict(sorted(self.reasons.items())),
            dialect=dialect,
        )
        self._prove(manifest)
        uri = self.layout.manifest(contract.id, table.table_name, self.name)
        content = strict_json(manifest.to_dict())
        if not self.store.write(uri, content, content_type="application/json", only_if_absent=True) and (
            self.store.read(uri) != content
        ):
            raise ConflictError("OBJECT_DIFFERS", "another manifest lies where this one belongs", where=uri)
        return manifest

    def _prove(self, manifest: Manifest) -> None:
        """Rows read = staged + quarantined + dropped, by the counts and by what was written."""
        m = manifest
        accounted = m.rows_staged + m.rows_quarantined + m.rows_dropped
        written = sum(f.rows for f in m.staged)
        if m.rows_read != accounted or written != m.rows_staged or sum(m.reasons.values()) != self.rows_bad:
            raise TerminalError(
                "ROW_COUNT", f"{m.rows_read:,} rows of {m.table!r} were read; {m.rows_staged:,} were staged ({written:,} written), "
                f"{m.rows_quarantined:,} quarantined and {m.rows_dropped:,} dropped", where=self.name,
                mend="Nothing was published. This is a defect of Sluice: report it with the contract.",
            )  # fmt: skip
