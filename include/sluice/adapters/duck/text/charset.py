"""Which encoding a text file has, when nobody says: evidence, strongest first, and how much it is worth.

A wrong guess makes wrong texts that nobody notices, so only what the bytes themselves show is believed; for all
else the file is taken for UTF-8, and the rows that are not go to quarantine, where they are seen.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = {"utf-16-le": (2, 0), "utf-16-be": (2, 1), "utf-32-le": (4, 0), "utf-32-be": (4, 3)}
"""Encoding → bytes per character, and which of them is not NUL in a text of ASCII characters."""
_NAMING = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859-2", "koi8-r", "cp932", "euc-jp", "gb18030",
    "big5", "cp949", "cp850", "cp437", "mac-roman",
)  # fmt: skip
"""Encodings in which the contract's names are looked for, the usual ones first."""
_UTF8 = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)  # fmt: skip
_HIGH = re.compile(rb"[\x80-\xff]")
_WORDS = re.compile(rb"[A-Za-z\x80-\xff]+")
_FEWEST_WORDS = 12
"""Fewer words than this have no frequencies to speak of."""
_BETWEEN_WORDS = "\u201a\u201e\u2026\u2020\u2030\u2039\u2018\u201c\u201d\u2022\u2013\u2014\u2122\u203a\u20ac\u00a0" \
    "\u00a1\u00a3\u00a5\u00a7\u00a9\u00aa\u00ab\u00ae\u00b0\u00b1\u00b2\u00b3\u00b5\u00b7\u00b9\u00ba\u00bb\u00bc" \
    "\u00bd\u00be\u00bf\u00d7"  # fmt: skip
"""What besides letters Western texts have: not within words."""
_COMMON = "\u00e1\u00e2\u00e4\u00e5\u00e7\u00e9\u00eb\u00ed\u00ee\u00f3\u00f4\u00f6\u00fa\u00fc\u00df"
_ALPHABETS = tuple(map(frozenset, (
    _COMMON + "\u00e0\u00e8\u00ea\u00ef\u00f9\u00fb\u0153\u00f1",  # French, German, Dutch
    _COMMON + "\u00e0\u00e8\u00ef\u00f1\u00f2",  # Spanish, Catalan
    _COMMON + "\u00e0\u00e3\u00ea\u00f5",  # Portuguese
    _COMMON + "\u00e0\u00e6\u00f8",  # Scandinavian
    "\u00e0\u00e4\u00e8\u00e9\u00ec\u00f2\u00f6\u00f9\u00fc\u00df",  # Italian, German
)))  # fmt: skip
"""Letters that one Western text may have. The common ones are hardly ever others in the encodings of other regions."""
_NEIGHBOURS = frozenset("\u00e2\u00e7\u00ea\u00eb\u00ee\u00f4\u0161\u017e")
"""Letters that a few names of the neighbours' may bring: places of the Aosta valley and on the Slovene border."""
_ENOUGH_WORDS = 100
_OF_NEIGHBOURS = 0.1
"""So large a share of so many words may have such letters; in texts in the neighbours' own languages it is far more."""
_PORTUGUESE = frozenset("\u00e7\u00e3\u00f5")
"""Who has one of these may have words that end in e with a circumflex; otherwise that is Polish."""
_OUT_OF_PLACE = re.compile(
    r"\u0153(?![iu])|\u00f1(?![aeiou\u00e1\u00e9\u00ed\u00f3\u00fa])|\u00f5(?!e)|\u00e3(?![eos]|\b)"
    r"|[\u00a3\u00a5\u00b9\u00b3](?=[^\W\d_])|[\u00a1\u00aa\u00ba\u00bf](?=(?-i:[a-z]))|(?<=[^\W\d_])[\u00a1\u00a3\u00a5\u00b9\u00bf]"
    r"|(?<=[^\W\d_m])\u00b3|(?-i:(?<=[a-z])[\u00c0-\u00d6\u00d8-\u00de])",
    re.IGNORECASE,
)
"""Where no Western text has these: other alphabets' letters look like them in cp1252. So does what is left of a
character of UTF-8 that lost a byte: a capital within a word."""


def byte_order_mark(path: Path) -> tuple[bytes, str]:
    """The mark that the file begins with, and the encoding it stands for; both empty when there is none."""
    with path.open("rb") as file:
        head = file.read(4)
    return next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", ""))


def detect(path: Path, names: Sequence[str] = ()) -> tuple[str, str]:
    """Encoding of a file without a mark, and how sure that is: certain, likely or guess.

    `names` are the column names that its header should have: an encoding in which they stand there is the one.
    """
    with path.open("rb") as file:
        first = block = file.read(BLOCK)
        while b"\0" not in first and block and block.isascii():
            block = file.read(BLOCK)
    return detect_in(first, block or first, names)


def detect_in(first: bytes, telling: bytes, names: Sequence[str] = ()) -> tuple[str, str]:
    """`detect` by the file's first BLOCK of bytes and the first such block that is not all ASCII."""
    sample = first if telling is first or b"\0" in first else _joined(first, telling)
    for encoding, (width, place) in _WIDE.items():
        if _is_wide(sample, width, place):
            return encoding, "likely"
    if sample.isascii():
        return "utf-8", "certain"
    # The sample may end within a character.
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8", "certain"
    named = _in_which_named(sample, names)
    if named:
        return named, "certain"
    good = sum(len(m.group()) for m in _UTF8.finditer(sample))
    if 2 * good >= len(_HIGH.findall(sample)):
        return "utf-8", "likely"
    if _is_western(sample.decode("cp1252", "replace")):
        return "cp1252", "likely"
    return _by_frequency(sample)


def _joined(first: bytes, block: bytes) -> bytes:
    """The beginning of the file and what is told later; that begins with a line, so as not to begin within a character."""
    at = next(m.start() for m in _HIGH.finditer(block))
    start = block.rfind(b"\n", 0, at) + 1
    return first[: 1 << 16].rpartition(b"\n")[0] + b"\n" + block[start:]


def _is_wide(sample: bytes, width: int, place: int) -> bool:
    """Whether most characters are ASCII in this form: the other bytes NUL, and hardly ever this one."""
    characters = len(sample) // width
    if characters < 2 or b"\0" not in sample:
        return False
    columns = [sample[i : characters * width : width].count(0) for i in range(width)]
    others = [n for i, n in enumerate(columns) if i != place]
    return columns[place] * 20 < characters and all(n * 2 > characters for n in others)


def _in_which_named(sample: bytes, names: Sequence[str]) -> str:
    telling = [n for n in names if not n.isascii()]
    head = b"\n".join(sample.splitlines()[:100])
    for encoding in _NAMING if telling else ():
        try:
            if all(n.encode(encoding) in head for n in telling):
                return encoding
        except UnicodeEncodeError:
            continue
    return ""


def _is_western(text: str) -> bool:
    """Whether every character beyond ASCII is where a Western European text has it: accented letters of one alphabet
    in words that are mostly plain letters, quotes and signs around words.

    Polish, Czech, Turkish or Baltic texts in their own encodings fail this: their letters would be those of several
    alphabets, or stand where those languages have none.
    """
    if _OUT_OF_PLACE.search(text):
        return False
    beside = alone = 0
    letters = set()
    for match in re.finditer(r"[^\x00-\x7f]", text):
        at, character = match.start(), match.group()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if character == "\u2019":
            continue
        if character.isalpha() and character not in "\u00aa\u00b5\u00ba":
            letters.add(character if character == "\u0178" else character.lower())
            plain = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
            beside, alone = beside + plain, alone + (not plain)
        elif character not in _BETWEEN_WORDS or (before.isalpha() and after.isalpha()):
            return False
    if not letters & _PORTUGUESE and re.search(r"\u00ea\b", text):
        return False
    return beside > 0 and alone * 4 <= beside and any(_written_in(alphabet, letters, text) for alphabet in _ALPHABETS)


def _written_in(alphabet: frozenset[str], letters: set[str], text: str) -> bool:
    """Whether the text, with these `letters` beyond ASCII, is one of the alphabet's; among many words a few may be a
    neighbour's."""
    if letters <= alphabet:
        return True
    if not letters <= alphabet | _NEIGHBOURS:
        return False
    words = {w.lower() for w in re.findall(r"[^\W\d_]+", text) if not w.isascii()}
    others = sum(bool(set(w) & _NEIGHBOURS - alphabet) for w in words)
    return len(words) >= _ENOUGH_WORDS and others <= _OF_NEIGHBOURS * len(words)


def _by_frequency(sample: bytes) -> tuple[str, str]:
    """What the letters' frequencies say, if they say it clearly.

    Only words with letters beyond ASCII count, each once: English around them is the same in all these encodings, and
    would vouch for any of them. Among the encodings of Latin letters frequencies tell too little.
    """
    from charset_normalizer import from_bytes

    words = dict.fromkeys(w for w in _WORDS.findall(sample) if not w.isascii())
    if len(words) >= _FEWEST_WORDS:
        best = from_bytes(b" ".join(words)[: 1 << 15]).best()
        latin = best is None or any(c.isalpha() and "\x7f" < c < "\u0250" for c in str(best))
        if best is not None and not latin and best.coherence >= 0.5 and best.chaos < 0.1:
            return codecs.lookup(best.encoding).name, "guess"
    return "utf-8", "guess"
