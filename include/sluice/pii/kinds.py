"""The kinds of personal data Sluice knows: how a value is recognised, and how often mere chance looks the same.

Sources: e-mail RFC 5321; IBAN ISO 13616; payment cards ISO/IEC 7812 (issuer ranges, Luhn); IPv4, IPv6 RFC 791, 4291;
MAC IEEE 802; phone numbers ITU-T E.164 through Google's libphonenumber; national identifiers through python-stdnum.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern

from stdnum import iban, luhn

from sluice.pii.identifiers import IDENTIFIERS, compact
from sluice.pii.people import is_address, is_person_name
from sluice.pii.phones import is_bare_international, is_phone


@dataclass(frozen=True)
class PiiKind:
    """A kind of personal data.

    `shape` is a cheap necessary condition on the whole value, `valid` the real test. `chance` is the share (0-1) of
    values of that shape which pass `valid` although they are something else; `least` the share of a column's values
    that must be of the kind. `hint` matches column names that speak for it; a kind that `needs_hint` is too common
    a form to be believed without. `inside` finds it within longer texts.
    """

    name: str
    shape: Pattern[str]
    valid: Callable[[str], bool]
    chance: float
    hint: Pattern[str]
    least: float = 0.5
    needs_hint: bool = False
    inside: Pattern[str] | None = None


def _words(text: str) -> Pattern[str]:
    return re.compile(rf"(?:^|[^a-z])(?:{text})(?:$|[^a-z])", re.IGNORECASE)


_EMAIL = r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}"

_CARDS: tuple[tuple[Pattern[str], tuple[int, ...]], ...] = (
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
    """An e-mail address as people have one (dot-atom at a host name)."""
    local = value.partition("@")[0]
    return ".." not in local and not local.startswith(".") and not local.endswith(".")


def is_iban(value: str) -> bool:
    """An IBAN: its country's length and structure, and the check digits hold."""
    return bool(iban.is_valid(value))


def is_card(value: str) -> bool:
    """A payment card number: a known issuer's prefix and length, and Luhn holds."""
    digits = compact(value)
    issued = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _CARDS)
    return issued and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


_PORT = re.compile(r"(?P<four>[\d.]+):\d{1,5}|\[(?P<six>[0-9A-Fa-f:.]+)\](?::\d{1,5})?")


def is_ip(value: str) -> bool:
    """An IPv4 or IPv6 address, with or without a port; small numbers alone are taken for a version, such as 1.2.0.4."""
    ported = _PORT.fullmatch(value)
    try:
        address = ipaddress.ip_address((ported["four"] or ported["six"]) if ported else value)
    except ValueError:
        return False
    return address.version == 6 or max(address.packed) >= 64


_PHONE_HINT = _words("(?:tele)?phones?(?:_?(?:no|num|number))?|tel(?:ephone)?|msisdn|mobile|portable|gsm|fax|cell")

KINDS: tuple[PiiKind, ...] = (
    PiiKind("email", re.compile(_EMAIL), is_email, 1e-6, _words("e?_?mails?|courriels?|mel"), 0.02,
            inside=re.compile(rf"(?<![\w.@/]){_EMAIL}(?![\w-]|:\S)")),
    PiiKind("iban", re.compile(r"[A-Za-z]{2}\d{2}[ -]?(?:[A-Za-z0-9]{1,4}[ -]?){3,8}"), is_iban, 0.0105,
            _words("iban|bank_?account|compte"), 0.02,
            inside=re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    PiiKind("payment_card", re.compile(r"\d(?:[ -]?\d){12,18}"), is_card, 0.1,
            _words("card(?:_?(?:no|num|number))?|carte|pan|credit|cb"), 0.2,
            inside=re.compile(r"(?<![\w.+/-])\d(?:[ -]?\d){12,18}(?![\w/-])")),
    PiiKind("ip_address", re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?|(?=.*:.*:)\[?[0-9A-Fa-f:.]{3,45}(?:\](?::\d{1,5})?)?"), is_ip, 0.05,
            _words("ip|ip_?addr(?:ess)?|client_?ip|adresse_?ip")),
    PiiKind("mac_address", re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"),
            lambda value: True, 1e-4, _words("mac")),
    *(
        PiiKind(i.name, i.shape, i.valid, i.chance, _words(i.hint), i.least, i.needs_hint, i.inside)
        for i in IDENTIFIERS
    ),
    PiiKind("phone", re.compile(r"(?:\+|\(?\d)[\d ().\u00a0/-]{5,24}\d(?: ?(?:x|ext\.?) ?\d{1,6})?"), is_phone, 0.3,
            _PHONE_HINT, 0.5,
            inside=re.compile(r"(?<![\w+])\+[1-9]\d?(?:[ .\-()]{0,2}\d){7,13}(?!\d)|(?<![\w+.-])0[1-9](?:[ .-]\d{2}){4}(?![\w.-]\d)")),
    PiiKind("phone", re.compile(r"[1-9]\d{10,12}"), is_bare_international, 0.5, _PHONE_HINT, needs_hint=True),
    PiiKind("address", re.compile(r"(?=.*[A-Za-zÀ-ÿ]{3}|.*\b(?:BP|CS) ?\d).{6,200}", re.DOTALL), is_address, 0.02,
            _words("addr(?:ess)?|adresses?|street|rue|voie|strasse|direccion|indirizzo|domicile"), 0.4),
    PiiKind("person_name", re.compile(r"[^\W\d_][^\d_@/\\|<>;:!?#=+*%\[\]{}]{1,79}"), is_person_name, 0.2,
            _words("(?:first|last|full|given|family|sur|middle|maiden|birth|customer|client|patient|employee|contact|holder)_?names?"
                   "|nom|noms|prenoms?|pr[eé]nom|nachname|vorname|apellidos?|nombre|cognome|nome|signatory|assur[eé]"), 0.6),
)  # fmt: skip
"""In the order in which they are looked for: of two kinds that explain a column equally well the first is named."""

DATE_OF_BIRTH = "date_of_birth"
"""Found by sluice.pii.birth: a day is no day of birth by itself."""

KIND_NAMES = (*dict.fromkeys(k.name for k in KINDS), DATE_OF_BIRTH)
"""What a contract may declare in a column's `pii`."""
