"""How much of anything a source's file may hold: it comes from outside, and may be broken or hostile.

Every limit can be set (see sluice.settings); going beyond one is an error with a code of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one landing. Sizes are in bytes."""

    unpacked_bytes: int = 64 << 30
    """What a compressed file or an archive may unfold to, all members together."""
    unpack_ratio: float = 200.0
    """Unpacked bytes for each packed byte. Tiny files reach large ratios honestly: the first 10 MiB are free."""
    archive_entries: int = 10_000
    """Entries of an archive, folders and links included."""
    archive_nesting: int = 3
    """Layers around a plain file: a .csv.gz in a .tar.gz has three."""
    columns: int = 10_000
    """Columns of a file."""
    line_bytes: int = 2_000_000
    """Bytes of a record, line ends inside included: a longer one is quarantined."""
    files: int = 100_000
    """Files of one table."""
    json_nesting: int = 100
    """Objects and arrays inside each other in one JSON record, itself included."""
    json_record_bytes: int = 16 << 20
    """The longest JSON record that is read; longer ones are quarantined."""


DEFAULT_LIMITS = Limits()
