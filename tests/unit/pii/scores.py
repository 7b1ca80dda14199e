"""How well personal data is told from what looks like it; `python tests/unit/pii/scores.py` prints docs/pii.md's table."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "include")]

from sluice.pii import find
from unit.pii.corpus import corpus


@dataclass
class Scores:
    """Columns told right (true positives), told wrongly (false positives) and missed, by kind."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    columns: int = 0
    mistakes: list[str] = field(default_factory=list)

    def precision(self, kind: str | None = None) -> float:
        return _share(self._count(self.right, kind), self._count(self.wrong, kind))

    def recall(self, kind: str | None = None) -> float:
        return _share(self._count(self.right, kind), self._count(self.missed, kind))

    @staticmethod
    def _count(counter: Counter[str], kind: str | None) -> int:
        return counter.total() if kind is None else counter[kind]


def _share(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 1.0


def measure() -> Scores:
    """Run the detector over the corpus."""
    scores = Scores()
    for column in corpus():
        found = {f.kind for f in find(column.values, name=column.name)}
        wanted = {column.kind} if column.kind else set()
        scores.columns += 1
        scores.right.update(found & wanted)
        scores.wrong.update(found - wanted)
        scores.missed.update(wanted - found)
        if found != wanted:
            scores.mistakes.append(f"{column.label} ({column.name}, {len(column.values)} values): {sorted(found)}")
    return scores


def table(scores: Scores) -> str:
    """The scores as Markdown."""
    kinds = sorted(scores.right.keys() | scores.wrong.keys() | scores.missed.keys())
    rows = [(k, scores.right[k] + scores.missed[k], scores.precision(k), scores.recall(k)) for k in kinds]
    rows.append(("**overall**", scores.right.total() + scores.missed.total(), scores.precision(), scores.recall()))
    lines = ["| kind | columns | precision | recall |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {k} | {n} | {p:.3f} | {r:.3f} |" for k, n, p, r in rows)]) + "\n"


if __name__ == "__main__":
    found = measure()
    print(table(found))
    print(*found.mistakes, sep="\n", file=sys.stderr)
