"""Decides what a column holds: the share of its values that are of a kind, against what chance would explain.

A single check digit lets one number in ten pass, so a value proves little and a column much. For n values of which a
share s passes a test that a share p of other values of that shape passes by chance, exp(-n * KL(s || p)) bounds the
probability of that being chance (Chernoff); the share beyond chance is (s - p) / (1 - p). Both must be convincing, and
less is asked where the column's name speaks for the kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sluice.pii import birth
from sluice.pii.kinds import DATE_OF_BIRTH, KIND_NAMES, KINDS, PiiKind
from sluice.pii.masking import mask

_GLANCE = 100
"""So many values are looked at for their shape first: most kinds are out then."""

_ENOUGH = 1_000
"""So many values of a shape are tested; more would not change a share that matters."""

_NATS, _NATS_HINTED = 9.0, 2.0
"""How improbable chance must be, in nats: e^-9 is 1 in 8,000, one false alarm in some two hundred columns."""

_HINTED = 0.4
"""Under a name that speaks for the kind, so much less often is something else of its form found."""

_AMONG_CANDIDATES = 0.25
"""The share of values of the kind's shape that must be of the kind, chance deducted."""

_FEW, _INSIDE_SHARE = 2, 0.01


@dataclass(frozen=True)
class Finding:
    """Personal data in a column. `share` (0-1) of its distinct values is of the kind, chance deducted; `confidence` (0-1)
    joins that with the improbability of chance and the column's name; `example` is masked."""

    kind: str
    share: float
    confidence: float
    example: str


def find(values: Iterable[str], *, name: str = "") -> tuple[Finding, ...]:
    """What personal data a column holds, the most certain first.

    `values` are distinct values as text, a fair sample or all of them; `name` is the column's name.
    """
    texts = [v.strip() for v in values if v and not v.isspace()]
    if not texts:
        return ()
    found: dict[str, Finding] = {}
    # No kind's form goes beyond a line, nor minds where one ends: what is in no line is in none of the texts.
    lines = "\n".join(texts)
    for kind in KINDS:
        finding = _whole(kind, texts, name) or _inside(kind, texts, lines)
        if finding and (kind.name not in found or finding.share > found[kind.name].share):
            found[kind.name] = finding
    if born := _birth(texts, name):
        found[born.kind] = born
    return _rivals_removed(list(found.values()), name)


def _whole(kind: PiiKind, texts: Sequence[str], name: str) -> Finding | None:
    hinted = bool(kind.hint.search(name))
    if kind.needs_hint and not hinted:
        return None
    glance = texts[:_GLANCE]
    shaped = sum(kind.shape.fullmatch(t) is not None for t in glance)
    if shaped < kind.least * len(glance) * 0.5:
        return None
    tested = texts[:_ENOUGH]
    candidates = [text for text in tested if kind.shape.fullmatch(text)]
    hits = [text for text in candidates if kind.valid(text)]
    proof = _proof(len(hits), len(candidates), kind.chance, hinted=hinted)
    if proof is None:
        return None
    beyond, certainty = proof
    share = beyond * len(candidates) / len(tested)
    if share < kind.least * (0.6 if hinted else 1.0):
        return None
    confidence = certainty * (0.6 + 0.4 * min(1.0, share / 0.9)) * (1.0 if hinted else 0.95)
    return Finding(kind.name, round(share, 4), round(min(confidence, 0.99), 2), mask(hits[0]))


def _inside(kind: PiiKind, texts: Sequence[str], lines: str) -> Finding | None:
    """The kind within longer texts: few are enough, because its form is its own proof. `lines` are all of the texts."""
    if kind.inside is None or kind.inside.search(lines) is None:
        return None
    candidates, hits = 0, 0
    example = ""
    for text in texts:
        found = [part.group() for part in kind.inside.finditer(text)]
        candidates += bool(found)
        if valid := next((part for part in found if kind.valid(part)), ""):
            hits += 1
            example = example or valid
    proof = _proof(hits, candidates, kind.chance, hinted=False)
    share = hits / len(texts)
    if proof is None or (hits < _FEW and share < _INSIDE_SHARE):
        return None
    return Finding(kind.name, round(share, 4), round(0.85 * proof[1], 2), mask(example))


def _proof(hits: int, candidates: int, chance: float, *, hinted: bool) -> tuple[float, float] | None:
    """(share of the candidates beyond chance, certainty 0-1 that it is not chance); None when it convinces nobody."""
    if not hits:
        return None
    chance = chance * (_HINTED if hinted else 1.0)
    share = hits / candidates
    nats = candidates * _divergence(share, chance)
    beyond = (share - chance) / (1 - chance)
    if beyond < _AMONG_CANDIDATES or nats < (_NATS_HINTED if hinted else _NATS):
        return None
    return beyond, 1 - math.exp(-nats / 3)


def _birth(texts: Sequence[str], name: str) -> Finding | None:
    hinted = bool(birth.HINT.search(name))
    days = [d for t in texts[:_ENOUGH] if (d := birth.parse(t, hinted=hinted))]
    share = len(days) / len(texts[:_ENOUGH])
    if share < 0.5:
        return None
    likeness = birth.likeness(days)
    # Founding dates of firms lie like births too: without a name for it, only a full likeness counts, and as a guess.
    if (hinted and likeness <= 0 and len(days) >= 5) or (not hinted and (likeness < 0.9 or len(days) < 30)):
        return None
    confidence = 0.7 + 0.29 * likeness if hinted else 0.5
    example = next(t for t in texts if birth.parse(t, hinted=hinted))
    return Finding(DATE_OF_BIRTH, round(share, 4), round(confidence, 2), mask(example))


def _divergence(share: float, chance: float) -> float:
    """Kullback-Leibler divergence of two coins in nats; 0 where the share is no more than chance."""
    if share <= chance:
        return 0.0
    rest = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return share * math.log(share / chance) + rest


def _rivals_removed(found: list[Finding], name: str) -> tuple[Finding, ...]:
    """Numbers of one shape pass several countries' tests: of those, the one that explains the column best stays."""
    hints = {k.name: bool(k.hint.search(name)) for k in KINDS}
    best = [f for f in found if f.kind not in _RIVALS]
    rivals = sorted(
        (f for f in found if f.kind in _RIVALS),
        key=lambda f: (-_bucket(f.share), not hints.get(f.kind), _ORDER[f.kind]),
    )
    if rivals:
        winner = rivals[0]
        best += [f for f in rivals if f is winner or f.share + winner.share <= 1.0]
    names = {f.kind for f in best}
    if "address" in names:
        best = [f for f in best if f.kind != "person_name"]
    return tuple(sorted(best, key=lambda f: (-f.confidence, f.kind)))


def _bucket(share: float) -> int:
    return round(share * 20)


_ORDER = {kind: i for i, kind in enumerate(KIND_NAMES)}
_RIVALS = {k.name for k in KINDS} - {"email", "ip_address", "mac_address", "address", "person_name"}
