"""A labelled corpus for personal data: columns of each kind, generated from public rules, and hard negatives beside them.

Nothing here comes from the detector's own dictionaries: names are the US census's (package `names`) and the lists below,
numbers are built by the rules of their issuers. Seeded: the same corpus every time.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import names

Maker = Callable[[random.Random], str]


@dataclass(frozen=True)
class Labelled:
    """A column, its name and the one kind of personal data in it (None: none)."""

    label: str
    name: str
    values: list[str]
    kind: str | None


def _digits(r: random.Random, count: int) -> str:
    return "".join(r.choice(string.digits) for _ in range(count))


def _letters(r: random.Random, count: int, of: str = string.ascii_uppercase) -> str:
    return "".join(r.choice(of) for _ in range(count))


def _luhn(payload: str) -> str:
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(payload)))
    return payload + str(-total % 10)


def _weighted(payload: str, weights: list[int], modulus: int = 11) -> int:
    return sum(int(d) * w for d, w in zip(payload, weights, strict=True)) % modulus


def _born(r: random.Random) -> date:
    return date(1940, 1, 1) + timedelta(days=r.randrange(24_500))


def _grouped(text: str, sizes: list[int], mark: str = " ") -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return mark.join(p for p in [*parts, text[at:]] if p)


_FIRST = "Léa Émile Chloé Hugo Inès Théo Manon Jürgen Anke Heike Björn Íñigo Begoña Iker Ainhoa Chiara Giuseppe Łukasz Małgorzata Siobhán Oisín Jean-Baptiste Marie-Claude Zoë João Inês Søren Astrid Aoife Wojciech Ferenc Zsófia".split()
_LAST = "Lefèvre Moreau Nguyen Benali Garnier Chevallier Müller Schäfer Weiß Vogel García Fernández Iglesias Russo Esposito Kowalski Wiśniewski O'Brien McCarthy Janssens Peeters Silva Ferreira Hansen Nagy Popescu Novák Dvořák Virtanen Johansson".split()
_TOWNS = "Lyon Nantes Rennes Lille Grenoble Dijon Tours Metz Angers Brest Limoges Amiens Nancy Toulon Reims Bordeaux Montpellier Strasbourg Rouen Caen".split()
_STREETS = [
    "rue Victor Hugo",
    "avenue Jean Jaurès",
    "boulevard de la République",
    "place de la Mairie",
    "chemin des Vignes",
    "impasse du Moulin",
    "allée des Tilleuls",
    "quai des Célestins",
    "route de Paris",
    "rue du Général Leclerc",
]
_ROADS = ["High Street", "Church Road", "Victoria Lane", "Mill Close", "Station Road", "Park Avenue", "Queens Drive"]
_HOSTS = ["example.org", "mail.example.com", "exemple.fr", "firma.example.de", "uni.example.ac.uk"]


@cache
def _census(which: str) -> tuple[list[str], list[float]]:
    """Names and cumulative frequencies of the US census of 1990, as the package `names` carries them."""
    rows = [line.split() for line in Path(names.FILES[which]).read_text("ascii").splitlines()]
    return [row[0].capitalize() for row in rows], [float(row[2]) for row in rows]


def _common(r: random.Random, which: str) -> str:
    listed, cumulative = _census(which)
    return r.choices(listed, cum_weights=cumulative)[0]


def _first(r: random.Random) -> str:
    return _common(r, r.choice(["first:male", "first:female"]))


def _person(r: random.Random) -> str:
    return f"{_first(r)} {_common(r, 'last')}" if r.random() < 0.5 else f"{r.choice(_FIRST)} {r.choice(_LAST)}"


def _email(r: random.Random) -> str:
    who = _letters(r, r.randrange(3, 9), string.ascii_lowercase)
    return f"{who}{r.choice('._-')}{_letters(r, 5, string.ascii_lowercase)}{r.choice(['', _digits(r, 2)])}@{r.choice(_HOSTS)}"


def _french_phone(r: random.Random) -> str:
    number = (
        f"{r.choice('67')}{r.choice('0123456789')}{_digits(r, 7)}"
        if r.random() < 0.7
        else f"{r.choice('1245')}{r.choice('23456')}{_digits(r, 7)}"
    )
    if number.startswith("7"):
        number = "76" + number[2:]
    style = r.randrange(5)
    pairs = _grouped(number[1:], [2, 2, 2, 2])
    return [
        f"0{number}",
        f"0{number[0]} {pairs}",
        f"0{number[0]}.{pairs.replace(' ', '.')}",
        f"+33{number}",
        f"+33 {number[0]} {pairs}",
    ][style]


def _british_phone(r: random.Random) -> str:
    number = f"7{r.choice(['400', '500', '711', '777', '850', '912'])}{_digits(r, 6)}"
    return r.choice([f"0{number}", f"+44 {number[:4]} {number[4:]}", f"0{number[:4]} {number[4:]}"])


def _american_phone(r: random.Random) -> str:
    area, exchange, line = (
        r.choice(["212", "415", "312", "617", "206"]),
        f"{r.randrange(2, 10)}{_digits(r, 2)}",
        _digits(r, 4),
    )
    return r.choice(
        [
            f"({area}) {exchange}-{line}",
            f"{area}-{exchange}-{line}",
            f"+1 {area} {exchange} {line}",
            f"{area}.{exchange}.{line}",
        ]
    )


def _iban(r: random.Random) -> str:
    def key(bank: str) -> str:
        digits = "".join(str(int(c, 36)) for c in bank)
        return f"{97 - int(digits) * 100 % 97:02d}"

    country = r.choice(["FR", "DE", "NL"])
    if country == "FR":
        rib = _digits(r, 10) + _digits(r, 11)
        bban = rib + key(rib)
    elif country == "DE":
        bban = _digits(r, 18)
    else:
        bban = _letters(r, 4) + _dutch_account(r)
    number = int("".join(str(int(c, 36)) for c in bban + country + "00"))
    text = f"{country}{98 - number % 97:02d}{bban}"
    return text if r.random() < 0.5 else _grouped(text, [4] * 8)


def _dutch_account(r: random.Random) -> str:
    while True:
        payload = "0" + _digits(r, 8)
        rest = sum(int(d) * (10 - i) for i, d in enumerate(payload)) % 11
        if rest and (check := 11 - rest) < 10:
            return payload + str(check)


def _card(r: random.Random) -> str:
    prefix, length = r.choice([("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16)])
    number = _luhn(prefix + _digits(r, length - len(prefix) - 1))
    return number if r.random() < 0.5 else _grouped(number, [4, 4, 4] if length == 16 else [4, 6])


def _nir(r: random.Random) -> str:
    born = _born(r)
    department = r.choice([f"{r.randrange(1, 96):02d}", "2A", "2B"])
    body = f"{r.choice('12')}{born.year % 100:02d}{born.month:02d}{department}{r.randrange(1, 600):03d}{r.randrange(1, 999):03d}"
    key = 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97
    text = f"{body}{key:02d}"
    return text if r.random() < 0.6 else _grouped(text, [1, 2, 2, 2, 3, 3])


def _siren(r: random.Random) -> str:
    text = _luhn(r.choice("345789") + _digits(r, 7))
    return text if r.random() < 0.7 else _grouped(text, [3, 3])


def _siret(r: random.Random) -> str:
    siren = _luhn(r.choice("345789") + _digits(r, 7))
    return _luhn(siren + f"{r.randrange(1, 300):04d}")


def _french_vat(r: random.Random) -> str:
    siren = _luhn(r.choice("345789") + _digits(r, 7))
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def _german_vat(r: random.Random) -> str:
    payload, product = r.choice("123456789") + _digits(r, 7), 10
    for d in payload:
        total = (int(d) + product) % 10 or 10
        product = 2 * total % 11
    return f"DE{payload}{(11 - product) % 10}"


def _plate(r: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRTVWXYZ"
    return f"{_letters(r, 2, letters.replace('W', ''))}-{r.randrange(1, 1000):03d}-{_letters(r, 2, letters)}"


def _dni(r: random.Random) -> str:
    number = _digits(r, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _pesel(r: random.Random) -> str:
    born = _born(r)
    month = born.month + (20 if born.year >= 2000 else 0)
    payload = f"{born.year % 100:02d}{month:02d}{born.day:02d}{_digits(r, 4)}"
    return payload + str(-_weighted(payload, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3], 10) % 10)


def _bsn(r: random.Random) -> str:
    while True:
        payload = r.choice("123456789") + _digits(r, 7)
        if (check := _weighted(payload, [9, 8, 7, 6, 5, 4, 3, 2])) < 10:
            return payload + str(check)


def _belgian(r: random.Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=r.randrange(21_000))
    payload = f"{born:%y%m%d}{r.randrange(1, 998):03d}"
    return f"{payload}{97 - int(payload) % 97:02d}"


def _codice_fiscale(r: random.Random) -> str:
    odd = dict(
        zip(
            string.digits + string.ascii_uppercase,
            [
                1,
                0,
                5,
                7,
                9,
                13,
                15,
                17,
                19,
                21,
                1,
                0,
                5,
                7,
                9,
                13,
                15,
                17,
                19,
                21,
                2,
                4,
                18,
                20,
                11,
                3,
                6,
                8,
                12,
                14,
                16,
                10,
                22,
                25,
                24,
                23,
            ],
            strict=True,
        )
    )
    born, consonants = _born(r), "BCDFGLMNPRSTVZ"
    day = born.day + (40 if r.random() < 0.5 else 0)
    body = f"{_letters(r, 6, consonants)}{born.year % 100:02d}{'ABCDEHLMPRST'[born.month - 1]}{day:02d}{r.choice(['H501', 'F205', 'L219', 'A944'])}"
    even = {c: (int(c) if c.isdigit() else ord(c) - 65) for c in string.digits + string.ascii_uppercase}
    total = sum(odd[c] if i % 2 == 0 else even[c] for i, c in enumerate(body))
    return body + string.ascii_uppercase[total % 26]


def _personnummer(r: random.Random) -> str:
    return (lambda p: f"{p[:6]}-{p[6:]}")(_luhn(f"{_born(r):%y%m%d}{_digits(r, 3)}"))


def _cnp(r: random.Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=r.randrange(21_000))
    payload = f"{r.choice('12')}{born:%y%m%d}{r.choice(['01', '12', '23', '40', '51'])}{r.randrange(1, 999):03d}"
    check = _weighted(payload, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9])
    return payload + str(1 if check == 10 else check)


def _hetu(r: random.Random) -> str:
    payload = f"{date(1940, 1, 1) + timedelta(days=r.randrange(21_000)):%d%m%y}", f"{r.randrange(2, 900):03d}"
    return f"{payload[0]}-{payload[1]}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(''.join(payload)) % 31]}"


def _steuer_id(r: random.Random) -> str:
    digits = [*r.sample("123456789", 8), "0"]
    payload = "".join(digits)
    twice = r.choice(payload)
    at = r.randrange(1, len(payload))
    payload = payload[:at] + twice + payload[at:]
    if twice * 3 in payload:
        return _steuer_id(r)
    product = 10
    for d in payload:
        total = (int(d) + product) % 10 or 10
        product = 2 * total % 11
    return payload + str((11 - product) % 10)


def _nhs(r: random.Random) -> str:
    while True:
        payload = r.choice("4567") + _digits(r, 8)
        check = 11 - _weighted(payload, [10, 9, 8, 7, 6, 5, 4, 3, 2])
        if check != 10:
            return f"{payload[:3]} {payload[3:6]} {payload[6:]}{0 if check == 11 else check}"


def _nino(r: random.Random) -> str:
    return f"{r.choice(['AB', 'CE', 'JH', 'PW', 'SR', 'TX'])}{_digits(r, 6)}{r.choice('ABCD')}"


def _ssn(r: random.Random) -> str:
    return f"{r.randrange(1, 665):03d}-{r.randrange(1, 99):02d}-{r.randrange(1, 9999):04d}"


def _french_address(r: random.Random) -> str:
    text = f"{r.randrange(1, 180)}{r.choice(['', '', ' bis'])} {r.choice(_STREETS)}"
    return text if r.random() < 0.3 else f"{text}, {_digits(r, 5)} {r.choice(_TOWNS)}"


def _british_address(r: random.Random) -> str:
    return f"{r.randrange(1, 200)} {r.choice(_ROADS)}, {r.choice(['Leeds', 'York', 'Bath', 'Derby'])} {r.choice(['LS', 'YO', 'BA', 'DE'])}{r.randrange(1, 20)} {r.randrange(1, 9)}{_letters(r, 2, 'ABDEFGHJ')}"


def _german_address(r: random.Random) -> str:
    return f"{r.choice(['Hauptstraße', 'Bahnhofstr.', 'Lindenweg', 'Goetheplatz', 'Am Markt', 'Schillerallee'])} {r.randrange(1, 120)}, {_digits(r, 5)} {r.choice(['Bonn', 'Köln', 'Kiel', 'Ulm'])}"


def _with_mail(r: random.Random) -> str:
    text = r.choice(
        [
            "Client appelé, dossier à suivre",
            "Please call back tomorrow",
            "Sinistre déclaré le matin",
            "No answer, second try",
        ]
    )
    return f"{text} {r.randrange(10_000)}" + (f", contact {_email(r)}." if r.random() < 0.08 else "")


POSITIVE: dict[str, tuple[str, str, Maker]] = {
    # label: kind, a telling column name, maker
    "email": ("email", "e_mail", _email),
    "email in text": ("email", "comment", _with_mail),
    "phone fr": ("phone", "telephone", _french_phone),
    "phone gb": ("phone", "mobile", _british_phone),
    "phone us": ("phone", "phone_number", _american_phone),
    "iban": ("iban", "iban", _iban),
    "card": ("payment_card", "card_number", _card),
    "full name": ("person_name", "customer_name", _person),
    "first name": ("person_name", "prenom", lambda r: _first(r) if r.random() < 0.6 else r.choice(_FIRST)),
    "upper name": ("person_name", "assure", lambda r: _person(r).upper()),
    "last, first": ("person_name", "contact_name", lambda r: f"{_common(r, 'last')}, {_first(r)}"),
    "address fr": ("address", "adresse", _french_address),
    "address gb": ("address", "address", _british_address),
    "address de": ("address", "strasse", _german_address),
    "birth": ("date_of_birth", "date_naissance", lambda r: _born(r).isoformat()),
    "birth local": ("date_of_birth", "birth_date", lambda r: f"{_born(r):%d/%m/%Y}"),
    "ipv4": ("ip_address", "client_ip", lambda r: ".".join(str(r.randrange(1, 255)) for _ in range(4))),
    "ipv6": ("ip_address", "ip", lambda r: "2001:db8:" + ":".join(f"{r.randrange(65536):x}" for _ in range(6))),
    "mac": ("mac_address", "mac", lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6))),
    "nir": ("fr_nir", "num_secu", _nir),
    "siren": ("fr_siren", "siren", _siren),
    "siret": ("fr_siret", "siret", _siret),
    "vat fr": ("vat_number", "tva", _french_vat),
    "vat de": ("vat_number", "vat_id", _german_vat),
    "plate": ("fr_licence_plate", "immatriculation", _plate),
    "dni": ("es_dni", "dni", _dni),
    "pesel": ("pl_pesel", "pesel", _pesel),
    "bsn": ("nl_bsn", "bsn", _bsn),
    "rrn": ("be_nn", "niss", _belgian),
    "codice fiscale": ("it_codice_fiscale", "codice_fiscale", _codice_fiscale),
    "personnummer": ("se_personnummer", "pnr", _personnummer),
    "cnp": ("ro_cnp", "cnp", _cnp),
    "hetu": ("fi_hetu", "hetu", _hetu),
    "steuer-id": ("de_idnr", "steuer_id", _steuer_id),
    "nhs": ("gb_nhs", "nhs_number", _nhs),
    "nino": ("gb_nino", "nino", _nino),
    "ssn": ("us_ssn", "ssn", _ssn),
}  # fmt: skip

_START = date(2019, 1, 1)
NEGATIVE: dict[str, Maker] = {
    "16-digit order": lambda r: _digits(r, 16),
    "order like a card": lambda r: "4" + _digits(r, 15),
    "9-digit order": lambda r: _digits(r, 9),
    "10-digit order": lambda r: _digits(r, 10),
    "11-digit order": lambda r: _digits(r, 11),
    "13-digit order": lambda r: _digits(r, 13),
    "14-digit order": lambda r: _digits(r, 14),
    "15-digit order": lambda r: "1" + _digits(r, 14),
    "sequence": lambda r: str(100_000_000 + r.randrange(5_000)),
    "padded sequence": lambda r: f"{r.randrange(50_000):010d}",
    "ean": lambda r: (lambda p: p + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(p)) % 10))("40" + _digits(r, 10)),
    "imei": lambda r: _luhn("35" + _digits(r, 12)),
    "product code": lambda r: f"{_letters(r, 2)}-{_digits(r, 3)}-{_letters(r, 2)}",
    "sku": lambda r: f"{_letters(r, 3)}{_digits(r, 5)}",
    "like a dni": lambda r: _digits(r, 8) + _letters(r, 1),
    "like an iban": lambda r: "FR" + _digits(r, 25),
    "uuid": lambda r: f"{r.getrandbits(32):08x}-{r.getrandbits(16):04x}-4{r.getrandbits(12):03x}-a{r.getrandbits(12):03x}-{r.getrandbits(48):012x}",
    "hash": lambda r: f"{r.getrandbits(160):040x}",
    "hex 12": lambda r: f"{r.getrandbits(48):012x}",
    "version": lambda r: ".".join(str(r.randrange(20)) for _ in range(4)),
    "business day": lambda r: (_START + timedelta(days=7 * r.randrange(380) + r.randrange(5))).isoformat(),
    "timestamp": lambda r: f"{_START + timedelta(days=r.randrange(2_600))} {r.randrange(24):02d}:{r.randrange(60):02d}:00",
    "amount": lambda r: f"{r.random() * 5_000:.2f}",
    "year": lambda r: str(r.randrange(1950, 2026)),
    "postcode": lambda r: _digits(r, 5),
    "company": lambda r: f"{r.choice(['Atlas', 'Nova', 'Martin', 'Delta', 'Girard', 'Omega', 'Durand'])} {r.choice(['SARL', 'SAS', 'GmbH', 'Ltd', 'S.A.', '& Fils', 'Group'])}",
    "airline": lambda r: f"{r.choice(['Delta', 'Alaska', 'Virgin', 'Frontier', 'Endeavor'])} {r.choice(['Air Lines Inc.', 'Airways', 'Airlines Co.'])}",
    "town": lambda r: r.choice([*_TOWNS, "Le Mans", "Aix-en-Provence", "Clermont-Ferrand", "Besançon", "Orléans", "Mulhouse"]),
    "product": lambda r: f"{r.choice(['Oak', 'Steel', 'Smart', 'Ultra', 'Eco'])} {r.choice(['Chair', 'Desk', 'Lamp', 'Shelf'])} {r.choice(['S', 'M', 'L', 'XL'])}",
    "colour": lambda r: r.choice(["red", "dark blue", "green", "ivory", "black", "silver"]),
    "status": lambda r: r.choice(["OPEN", "CLOSED", "PENDING", "IN REVIEW"]),
    "sentence": lambda r: " ".join(r.choice("le la dossier est transmis au service pour avis complet sans retour".split()) for _ in range(9)),
    "remark": lambda r: f"{r.choice(['plain remark number', 'see drive', 'court file', 'way too late by'])} {r.randrange(10_000)}",
    "url": lambda r: f"https://example.org/{_letters(r, 6, string.ascii_lowercase)}?id={r.randrange(9999)}",
    "handle": lambda r: "@" + _letters(r, 7, string.ascii_lowercase),
    "file": lambda r: f"export_{_START + timedelta(days=r.randrange(900)):%Y%m%d}_{r.randrange(99):02d}.csv",
    "coordinates": lambda r: f"{r.uniform(41, 51):.6f},{r.uniform(-5, 9):.6f}",
    "time": lambda r: f"{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}",
    "tail number": lambda r: f"N{r.randrange(100, 999)}{_letters(r, 2)}",
    "fraction": lambda r: f"{r.randrange(1, 99)}/{r.randrange(1, 99)}",
    "measure": lambda r: f"{r.randrange(10, 400)} mm x {r.randrange(10, 400)} mm",
    "isbn": lambda r: (lambda p: p + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(p)) % 10))("978" + _digits(r, 9)),
}  # fmt: skip

SIZES = (15, 60, 400)
_JUNK = ["n/a", "unknown", "-", "?", "test"]


def corpus(seed: int = 20261122) -> Iterator[Labelled]:
    """Every kind with a telling and with a mute column name, in small and large columns, clean and with junk among it."""
    r = random.Random(seed)
    for size in SIZES:
        for dirt in (0.0, 0.08):
            for label, (kind, name, make) in POSITIVE.items():
                for given in (name, "c7"):
                    yield Labelled(label, given, _column(r, make, size, dirt), kind)
            for label, make in NEGATIVE.items():
                for given in ("c7", "reference", "id", "order_id"):
                    yield Labelled(label, given, _column(r, make, size, dirt), None)


def _column(r: random.Random, make: Maker, size: int, dirt: float) -> list[str]:
    return list(dict.fromkeys(r.choice(_JUNK) if r.random() < dirt else make(r) for _ in range(size)))
