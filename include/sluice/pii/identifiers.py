"""National identifiers by form and check digit, French ones first. The validators are python-stdnum's.

`chance` of each was measured: the share of 20,000 random texts of the same shape that its validator lets pass.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from re import Pattern
from typing import Any

_SPACING = str.maketrans("", "", " \u00a0\u202f.-/")


def compact(value: str) -> str:
    """The value without the spaces, dots, slashes and hyphens that people put in."""
    return value.translate(_SPACING).upper()


@dataclass(frozen=True)
class Identifier:
    """A national identifier; the fields are those of sluice.pii.kinds.PiiKind."""

    name: str
    shape: Pattern[str]
    valid: Callable[[str], bool]
    chance: float
    hint: str
    least: float = 0.5
    needs_hint: bool = False
    inside: Pattern[str] | None = None


@cache
def _module(name: str) -> Any:
    return importlib.import_module(f"stdnum.{name}")


def _stdnum(module: str) -> Callable[[str], bool]:
    """The module's validator, imported when it is first needed: there are forty."""
    return lambda value: bool(_module(module).is_valid(value))


def _digits(count: str) -> str:
    return rf"\d(?:[ \u00a0\u202f.\-/]?\d){{{count}}}"


_NIR_KEY = _stdnum("fr.nir")
_NIR = re.compile(r"[123478]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d{2}|2[AB])\d{6}\d{2}")


def is_nir(value: str) -> bool:
    """A French NIR of 15 characters (INSEE): sex, year, month, department, commune, order, and the key holds."""
    plain = compact(value)
    return bool(_NIR.fullmatch(plain)) and plain[7:10] != "000" and _NIR_KEY(plain)


def is_nir_without_key(value: str) -> bool:
    """The first 13 characters of a NIR, as many files keep it."""
    plain = compact(value)
    return len(plain) == 13 and bool(_NIR.fullmatch(plain + "00")) and plain[7:10] != "000"


_PLATE_BAD = re.compile(r"[IOU]|^SS|^WW|SS$")


def is_french_plate(value: str) -> bool:
    """A French licence plate: SIV (AA-123-AA, without I, O, U, SS, WW) or FNI (123 ABC 75)."""
    plain = compact(value)
    if re.fullmatch(r"[A-Z]{2}\d{3}[A-Z]{2}", plain):
        return not _PLATE_BAD.search(plain) and plain[2:5] != "000"
    return bool(re.fullmatch(r"[1-9]\d{0,3}[A-Z]{2,3}(?:0[1-9]|[1-8]\d|9[0-5]|2[AB]|97[1-6])", plain))


_UK_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]\d{6}[ABCD]")


def is_nino(value: str) -> bool:
    """A UK National Insurance number (HMRC NIM39110): allowed prefixes, six digits, suffix A to D."""
    return bool(_UK_NINO.fullmatch(compact(value)))


def _identifier(
    name: str,
    shape: str,
    valid: str | Callable[[str], bool],
    chance: float,
    hint: str,
    *,
    needs_hint: bool = False,
    inside: str = "",
) -> Identifier:
    test = _stdnum(valid) if isinstance(valid, str) else valid
    within = re.compile(inside, re.IGNORECASE) if inside else None
    return Identifier(name, re.compile(shape, re.IGNORECASE), test, chance, hint, needs_hint=needs_hint, inside=within)


_NATIONAL = (
    r"(?:nat(?:ional)?|person(?:al|ne)?|citizen|resident|tax(?:payer)?|social|insured|patient)_?(?:id|ident\w*|n\w*)"
    r"|insee|ssn|social\w*|personal\w*|identity\w*|identite"
)
"""Names of a person's number. Not `id` alone: every table has one."""

_OF_NIR = r"\d[ .\-]?\d{2}[ .\-]?\d{2}[ .\-]?(?:\d{2}|2[ab])[ .\-]?\d{3}[ .\-]?\d{3}"
_NIR_HINT = r"nir|insee|(?:num(?:ero)?_?)?secu\w*|s[eé]curit[eé]_?sociale|ssn|ss"

IDENTIFIERS: tuple[Identifier, ...] = (
    _identifier("fr_nir", _OF_NIR + r"[ .\-]?\d{2}", is_nir, 0.006, _NIR_HINT, inside=r"(?<![\w.-])" + _OF_NIR + r"[ .\-]?\d{2}(?![\w-])"),
    _identifier("fr_nir", _OF_NIR, is_nir_without_key, 0.55, _NIR_HINT, needs_hint=True),
    _identifier("fr_siret", _digits("13"), "fr.siret", 0.0107, "siret"),
    _identifier("fr_siren", _digits("8"), "fr.siren", 0.1, "siren|company_?id|rcs"),
    _identifier("fr_nif", _digits("12"), "fr.nif", 0.0005, "nif|spi|fiscal\\w*|impot\\w*"),
    _identifier("fr_licence_plate", r"[a-z]{2}[ -]?\d{3}[ -]?[a-z]{2}|\d{1,4}[ -]?[a-z]{2,3}[ -]?(?:\d{2}|2[ab]|97\d)", is_french_plate, 0.6,
                "plates?|plaques?|immat\\w*|licen[cs]e_?plates?|registration"),
    _identifier("vat_number", r"(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[ .\-]?[A-Z0-9][A-Z0-9 .\-+*]{6,15}",
                "eu.vat", 0.05, "vat\\w*|tva\\w*|ust\\w*|btw|iva|piva|partita_?iva"),
    _identifier("vat_number", r"GB[ ]?\d[\d ]{7,14}", "gb.vat", 0.02, "vat\\w*"),
    _identifier("at_vnr", _digits("9"), "at.vnr", 0.083, f"vnr|sv_?n\\w*|{_NATIONAL}"),
    _identifier("be_nn", _digits("10"), "be.nn", 0.0016, f"rrn|nn|niss|insz|rijksregister\\w*|{_NATIONAL}"),
    _identifier("bg_egn", _digits("9"), "bg.egn", 0.01, f"egn|{_NATIONAL}"),
    _identifier("ch_ahv", r"756[ .]?\d{4}[ .]?\d{4}[ .]?\d{2}", "ch.ssn", 0.097, f"ahv|avs|{_NATIONAL}"),
    _identifier("cz_rc", r"\d{6}/?\d{3,4}", "cz.rc", 0.02, f"rc|rodne\\w*|{_NATIONAL}"),
    _identifier("de_idnr", _digits("10"), "de.idnr", 0.0037, f"idnr|steuer\\w*|{_NATIONAL}"),
    _identifier("dk_cpr", r"\d{6}[ -]?\d{4}", "dk.cpr", 0.03, f"cpr|{_NATIONAL}"),
    _identifier("ee_ik", r"[1-6]\d{10}", "ee.ik", 0.005, f"ik|isikukood|{_NATIONAL}"),
    _identifier("es_dni", r"\d{8}[ -]?[a-z]", "es.dni", 0.0385, f"dni|nif|{_NATIONAL}"),
    _identifier("es_nie", r"[xyz][ -]?\d{7}[ -]?[a-z]", "es.nie", 0.04, f"nie|nif|{_NATIONAL}"),
    _identifier("fi_hetu", r"\d{6}[-+a-fu-y]\d{3}[0-9a-y]", "fi.hetu", 0.0006, f"hetu|{_NATIONAL}"),
    _identifier("gb_nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", "gb.nhs", 0.088, f"nhs\\w*|{_NATIONAL}"),
    _identifier("gb_nino", r"[a-z]{2}[ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[a-d]", is_nino, 0.5, f"nino|ni_?n\\w*|{_NATIONAL}"),
    _identifier("gr_amka", r"\d{11}", "gr.amka", 0.004, f"amka|{_NATIONAL}"),
    _identifier("hr_oib", r"\d{11}", "hr.oib", 0.1, f"oib|{_NATIONAL}"),
    _identifier("ie_pps", r"\d{7}[a-w][a-iw]?", "ie.pps", 0.0405, f"pps\\w*|{_NATIONAL}"),
    _identifier("it_codice_fiscale", r"[a-z]{6}[0-9l-nps-v]{2}[abcdehlmprst][0-9l-nps-v]{2}[a-z][0-9l-nps-v]{3}[a-z]", "it.codicefiscale", 0.03,
                f"cf|codice_?fiscale|{_NATIONAL}"),
    _identifier("lt_asmens", r"[1-6]\d{10}", "lt.asmens", 0.02, f"asmens\\w*|{_NATIONAL}"),
    _identifier("nl_bsn", r"\d{3}[ .]?\d{3}[ .]?\d{3}|\d{4}[ .]?\d{2}[ .]?\d{3}", "nl.bsn", 0.091, f"bsn|sofi\\w*|{_NATIONAL}"),
    _identifier("no_fodselsnummer", r"\d{6}[ -]?\d{5}", "no.fodselsnummer", 0.0008, f"fnr|fodsels\\w*|{_NATIONAL}"),
    _identifier("pl_pesel", r"\d{11}", "pl.pesel", 0.018, f"pesel|{_NATIONAL}"),
    _identifier("pt_cc", r"\d{8}[ -]?\d[ -]?[a-z0-9]{2}\d", "pt.cc", 0.1, f"cc|cartao\\w*|{_NATIONAL}"),
    _identifier("pt_nif", r"[123568]\d{2}[ .]?\d{3}[ .]?\d{3}", "pt.nif", 0.1, f"nif|contribuinte|{_NATIONAL}"),
    _identifier("ro_cnp", r"[1-8]\d{12}", "ro.cnp", 0.003, f"cnp|{_NATIONAL}"),
    _identifier("se_personnummer", r"(?:\d{2})?\d{6}[-+ ]?\d{4}", "se.personnummer", 0.0042, f"pnr|{_NATIONAL}"),
    _identifier("si_emso", r"\d{13}", "si.emso", 0.0045, f"emso|{_NATIONAL}"),
    _identifier("sk_rc", r"\d{6}/\d{3,4}", "sk.rc", 0.02, f"rc|rodne\\w*|{_NATIONAL}"),
    _identifier("us_ssn", r"(?!9)\d{3}[- ]\d{2}[- ]\d{4}", "us.ssn", 0.3, f"ssn|{_NATIONAL}"),
    _identifier("us_ssn", r"(?!9)\d{9}", "us.ssn", 0.89, r"ssn|social_?s\w*", needs_hint=True),
    _identifier("us_itin", r"9\d{2}[- ]\d{2}[- ]\d{4}", "us.itin", 0.275, f"itin|{_NATIONAL}"),
)  # fmt: skip
"""Identifiers, the most telling first."""
