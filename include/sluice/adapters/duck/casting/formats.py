"""JDK date-time patterns (ODCS `logicalTypeOptions.format`) in strptime's words.

Source: java.time.format.DateTimeFormatter, Patterns for Formatting and Parsing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sluice.errors import BadInputError

_TOKENS = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "uu": "%y", "y": "%Y", "u": "%Y",
    "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "LLL": "%b", "LLLL": "%B",
    "dd": "%d", "d": "%-d", "DDD": "%j",
    "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S",
    "SSS": "%g", "SSSSSS": "%f", "a": "%p", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A",
    "X": "%z", "XX": "%z", "XXX": "%z", "x": "%z", "xx": "%z", "xxx": "%z", "Z": "%z", "ZZ": "%z", "ZZZ": "%z",
    "VV": "%Z", "z": "%Z",
}  # fmt: skip

_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'")


_OFFSET = r"(Z|[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?)"
_ZONES = {"%z": _OFFSET, "%Z": r"([A-Za-z][A-Za-z0-9_+/-]*)"}
_NAMES = {"%b", "%B", "%a", "%A", "%p"}


@dataclass(frozen=True)
class DateFormat:
    """A strptime format, in the pieces that mean something by themselves."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The format."""
        return "".join(self.parts)

    @property
    def padded(self) -> str:
        """The same format with every number written in full."""
        return self.text.replace("%-", "%")

    @property
    def zone(self) -> str:
        """How its values name their zone: %z for an offset, %Z for a name; empty: they do not."""
        return next((p for p in self.parts if p in _ZONES), "")

    @property
    def local(self) -> DateFormat:
        """The same format without its zone."""
        return DateFormat(tuple(p for p in self.parts if p not in _ZONES))

    @property
    def around_zone(self) -> str:
        """An RE2 pattern of a whole text, with three groups: what stands before its zone, the zone, what stands after."""
        shapes = ["(?is)^(", *map(_shape, self.parts), ")$"]
        at = 1 + self.parts.index(self.zone)
        return "".join([*shapes[:at], ")", shapes[at], "(", *shapes[at + 1 :]])


def _shape(part: str) -> str:
    """What the part of a format may look like at most."""
    if part in _ZONES:
        return _ZONES[part]
    if part in _NAMES:
        return "[A-Za-z]+"
    is_number = part.startswith("%") and not part.startswith("%%")
    return "[0-9]+" if is_number else re.escape(part.replace("%%", "%"))


def strptime_format(pattern: str) -> DateFormat:
    """Translate a JDK pattern. Raises BadInputError DATE_FORMAT naming the letters that have no meaning here."""
    parts: list[str] = []
    for part in _PART.finditer(pattern):
        text = part.group()
        if part.group(2):
            if text not in _TOKENS:
                raise BadInputError(
                    "DATE_FORMAT",
                    f"{text!r} in the format {pattern!r} is not supported",
                    mend="Use letters such as yyyy MM dd HH mm ss SSS XXX; put plain text between apostrophes.",
                )
            parts.append(_TOKENS[text])
        elif part.group(1) is not None:
            parts.append(part.group(1).replace("''", "'").replace("%", "%%") or "'")
        elif text == "'":
            raise BadInputError("DATE_FORMAT", f"the format {pattern!r} has an apostrophe that is never closed")
        elif reserved := set(text) & set("[]{}#"):
            raise BadInputError(
                "DATE_FORMAT", f"{min(reserved)!r} in the format {pattern!r} is not supported",
                mend="Put it between apostrophes if it is text; optional parts cannot be declared.",
            )  # fmt: skip
        else:
            parts.append(text.replace("%", "%%"))
    if any(p in ("%I", "%-I") for p in parts) and "%p" not in parts:
        raise BadInputError(
            "DATE_FORMAT", f"the format {pattern!r} has hours up to 12 and does not say of which half of the day",
            mend="Write HH for hours up to 23, or add an `a` for AM and PM.",
        )  # fmt: skip
    if sum(p in _ZONES for p in parts) > 1:
        raise BadInputError(
            "DATE_FORMAT", f"the format {pattern!r} has more than one zone",
            mend="Keep the one that tells the offset, and put what else there is between apostrophes.",
        )  # fmt: skip
    return DateFormat(tuple(parts))
