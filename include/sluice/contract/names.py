"""The names that columns and tables have in the catalog: lower case, a-z, 0-9 and _, told by the source name alone.

Sources: AWS Glue and Athena naming rules (case-blind, 255 bytes); Iceberg spec, reserved field names.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_NAME = 255
"""Bytes, which are characters here: Glue's limit for a column's name."""

_FOREIGN = {"ł": "l", "đ": "d", "ø": "o", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
"""Latin letters that Unicode does not take apart into a letter and its accent."""

_ICEBERG = {"_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number"}


def field_name(name: str) -> str:
    """The catalog's name for a source name; empty when there is nothing to name.

    Accents go (`Größe` is `grosse`), other characters become `_`, a leading digit gets one before it. A name
    without any Latin letter or digit is spelled by code points (`日本` is `u65e5_u672c`). What is longer than
    MAX_NAME is cut and ends in eight hex digits of the whole name's SHA-256. Words that SQL reserves stay:
    engines quote them.
    """
    text = unicodedata.normalize("NFKC", name).strip().casefold()
    if not text:
        return ""
    plain = "".join(_FOREIGN.get(c, c) for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    safe = re.sub(r"[^a-z0-9_]", "_", plain)
    if not re.search(r"[a-z0-9]", safe):
        codes = [f"u{ord(c):x}" for c in text if not c.isspace() and ord(c) > 0x7F]
        safe = "_".join(codes) or safe
    if safe[0].isdigit():
        safe = f"_{safe}"
    if safe in _ICEBERG:
        safe = f"{safe}_"
    if len(safe) > MAX_NAME:
        safe = f"{safe[: MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return safe
