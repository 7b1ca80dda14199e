"""Recognises personal data by what a value is, not by what its column is called. Pure functions.

Sources: IBAN ISO 13616 with ISO 7064 mod 97-10; payment card ISO/IEC 7812 (Luhn, issuer ranges);
NIR (French social security number): INSEE, key = 97 - number mod 97; E.164 phone numbers: ITU-T.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NIR = re.compile(r"[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])(?:[0-9]{2}|2[AB])[0-9]{6}[0-9]{2}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_SPACING = re.compile(r"[ \u00a0-]")
_PHONE_SPACING = re.compile(r"[ \u00a0().-]")

_IBAN_LENGTH = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip

_CARDS: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 16)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),
    (re.compile(r"62|81"), (16, 17, 18, 19)),
    (re.compile(r"5[0678]|6[0-9]"), (16, 18, 19)),
)


def is_email(value: str) -> bool:
    """An e-mail address as people have one (RFC 5321 dot-atom at a host name)."""
    local, _, _ = value.partition("@")
    return bool(_EMAIL.fullmatch(value)) and ".." not in local and not local.startswith(".") and not local.endswith(".")


def is_iban(value: str) -> bool:
    """An IBAN: the length its country prescribes, and the check digits hold."""
    compact = _SPACING.sub("", value).upper()
    if not _IBAN.fullmatch(compact) or _IBAN_LENGTH.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def is_card(value: str) -> bool:
    """A payment card number: a known issuer's prefix and length, and Luhn holds."""
    compact = _SPACING.sub("", value)
    if not (compact.isascii() and compact.isdigit()) or len(set(compact)) == 1:
        return False
    if not any(prefix.match(compact) and len(compact) in lengths for prefix, lengths in _CARDS):
        return False
    digits = [int(c) for c in reversed(compact)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def is_nir(value: str) -> bool:
    """A French NIR of 15 characters: shape (Corsica included) and key."""
    compact = _SPACING.sub("", value).upper()
    if not _NIR.fullmatch(compact):
        return False
    number = compact[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(compact[13:])


def is_phone(value: str) -> bool:
    """A phone number in E.164 form: a plus, then 7 to 15 digits; the usual spacing is allowed."""
    return bool(_PHONE.fullmatch(_PHONE_SPACING.sub("", value)))


KINDS: dict[str, Callable[[str], bool]] = {
    "email": is_email,
    "iban": is_iban,
    "payment_card": is_card,
    "nir": is_nir,
    "phone": is_phone,
}


def kinds_in(values: Iterable[str], *, share: float = 0.5) -> list[str]:
    """The kinds that at least `share` of the distinct `values` are of, in the order of KINDS."""
    distinct = {v.strip() for v in values}
    if not distinct:
        return []
    return [kind for kind, test in KINDS.items() if sum(map(test, distinct)) >= share * len(distinct)]
