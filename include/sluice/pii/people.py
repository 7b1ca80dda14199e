"""Names of persons and postal addresses, by dictionary and by form.

The dictionaries are those of Faker's locale providers (first and last names of two dozen European and American locales);
what no dictionary holds is recognised beside what one does: a column counts as names by the share of its values.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from re import Pattern
from typing import Any

_LOCALES = (
    "fr_FR", "fr_BE", "fr_CH", "en_GB", "en_US", "en_IE", "de_DE", "de_AT", "de_CH", "es_ES", "es_CA", "it_IT", "nl_NL",
    "nl_BE", "pt_PT", "sv_SE", "da_DK", "no_NO", "fi_FI", "pl_PL", "cs_CZ", "sk_SK", "hu_HU", "ro_RO", "hr_HR", "sl_SI",
    "et_EE", "lv_LV", "lt_LT", "bg_BG", "el_GR", "tr_TR", "ar_DZ",
)  # fmt: skip
_NAME_LISTS = (
    "first_names",
    "first_names_male",
    "first_names_female",
    "last_names",
    "last_names_male",
    "last_names_female",
)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
_INITIALS = re.compile(r"\b[A-Z]\.(?:[A-Z]\.?)+")
_TITLES = frozenset(
    "m mr mme mlle mrs ms miss dr prof me sir herr frau sr sra srta sig dott ing mgr phd md jr ii iii iv".split()
)
_PARTICLES = frozenset(
    "de du des le la les van von der den di da del della dos das of bin ben el al y e zu af av mc o d l".split()
)
_NOT_PERSONS = frozenset(
    # Legal forms, places, facilities and things: what shares its form with the name of a person.
    "sa sas sarl sasu eurl scop sci sca snc gmbh ag kg ohg ug bv nv ltd limited llc llp plc inc corp corporation co company cie "
    "et and frères group groupe holding holdings spa srl ab oy as aps industries services solutions systems consulting partners bank banque "
    "assurance assurances insurance mutuelle association societe fils freres frere sons brothers airlines airways airport airfield "
    "international regional municipal field station port harbor park street road avenue rue boulevard place square hotel hospital "
    "hopital clinic school college ecole lycee university universite institute museum center centre church saint sainte st ste "
    "city county town village north south east west lake river mount island beach product service department team office "
    "premium standard basic edition pack kit set box model series version color size red blue green black white".split()
)

_PREFIXES = (
    "acceso alameda aleea aleja allee allée av avda avenida avenue bd borgo boulevard bulevardul bvd c/ calle callejón camino canale "
    "cañada chemin contrada corso cours cuesta drumul glorieta impasse incrocio intrarea largo lotissement pasadizo pasaje paseo "
    "piazza plac place plaza praça quai rambla residence résidence ronda rotonda route rua rue sentier soseaua strada stretto "
    "travessa ul ulica urbanización via vial viale vicolo villa voie"
).split()
"""Stand before a street's name: the house number comes first or last."""

_SUFFIXES = (
    "alley ave avenue blvd circle close corner court cove crescent crossing ct dr drive estate freeway gardens green grove harbor "
    "heights highway hill hwy lane ln loop manor meadow mews parkway pass passage path pike pkwy place plaza rd ridge road row run "
    "sétány square st street terrace trail turnpike utca valley view village vista walk way"
).split()
"""Stand after it, and after the number: `10 Downing Street`."""

_ENDINGS = (
    "allee damm dreef gade gasse gata gatan gracht kade katu laan plein platz ring str straat strasse straße stræde tie vagen vägen "
    "vei veien vej weg"
).split()
"""End its very name, and the number follows: `Hauptstraße 7`."""

_POSTCODE_CITY = re.compile(
    r"(?:\b\d{5}\s+[^\W\d_]{2,}|\b\d{4}\s?[A-Z]{2}\s+[^\W\d_]{2,}|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b|,\s*[A-Z]{2}\s+\d{5}\b|\b\d{2}-\d{3}\s+[^\W\d_]{2,})"
)
_PO_BOX = re.compile(r"\b(?:BP|CS|P\.?\s?O\.?\s?Box|Postfach|Apartado|Postbus)\s*\d+", re.IGNORECASE)


def is_person_name(value: str) -> bool:
    """One to five words, written as names are, one of which a dictionary knows and none of which is a thing."""
    words = _TOKEN.findall(_INITIALS.sub(lambda m: m.group().replace(".", ""), value.replace(" & ", " et ")))
    if not 1 <= len(words) <= 6 or _TOKEN.sub("", value).strip(" ,.-&") or "  " in value.strip():
        return False
    plain = [_fold(w) for w in words]
    if any(p in _NOT_PERSONS for p in plain):
        return False
    rest = [
        (w, p) for w, p in zip(words, plain, strict=True) if p not in _TITLES and p not in _PARTICLES and len(p) > 1
    ]
    if not rest or not all(w[0].isupper() for w, _ in rest):
        return False
    known = _names()
    return any(part in known for _, p in rest for part in (p, *p.split("-")))


def is_address(value: str) -> bool:
    """A street with a number, a postbox, or a postcode with its town."""
    if _PO_BOX.search(value):
        return True
    return bool(_POSTCODE_CITY.search(value) or _street().search(value))


@cache
def _street() -> Pattern[str]:
    """A street and its number, close to each other and in the order that the street's word calls for."""
    before, after, ending = _any_of(_PREFIXES), _any_of(_SUFFIXES), _any_of(_ENDINGS, boundary=False)
    number = r"(?<![^\W_])\d{1,5}(?:[a-zA-Z]|[ ]?(?:bis|ter))?(?![^\W_])"
    words = r"(?:[ ,.]+[^\W\d_][^\s,]*)"
    return re.compile(
        rf"{number}[ ,]+{before}{words}|{before}{words}{{1,5}}[ ,]+(?:n[°º.]?[ ]?)?{number}"
        rf"|{number}{words}{{0,4}}[ ,.]+{after}|(?:[^\W\d_]|[ -]){ending}[ ,]+{number}",
        re.IGNORECASE,
    )


def _any_of(words: Iterable[str], *, boundary: bool = True) -> str:
    return (
        r"(?<![^\W\d_])" * boundary
        + f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"
        + r"\.?(?![^\W\d_])"
    )


def _fold(word: str) -> str:
    """Lower case without accents and closing dots."""
    decomposed = unicodedata.normalize("NFKD", word.rstrip(".").replace("’", "'").replace("'", "").lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _providers() -> Iterator[Any]:
    for locale in _LOCALES:
        try:
            yield importlib.import_module(f"faker.providers.person.{locale}").Provider
        except ModuleNotFoundError:  # not every country has a list of its own
            continue


def preload() -> None:
    """Read the dictionaries, which takes a fifth of a second, so that forks of this process need not."""
    _names()


@cache
def _names() -> frozenset[str]:
    found: set[str] = set()
    for provider in _providers():
        for listed in _NAME_LISTS:
            found.update(_fold(str(name)) for name in getattr(provider, listed, ()))
    parts = {part for name in found for part in re.split(r"[ -]", name)}
    return frozenset(p for p in found | parts if len(p) > 1 and p not in _PARTICLES and p not in _NOT_PERSONS)
