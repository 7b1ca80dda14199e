"""The labelled corpus whose scores docs/pii.md publishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.pii.scores import Scores, measure, table

PUBLISHED = Path(__file__).parents[2] / "docs" / "pii.md"


@pytest.fixture(scope="module")
def scores() -> Scores:
    return measure()


def test_the_corpus_is_told_apart(scores: Scores) -> None:
    assert scores.precision() >= 0.98, scores.mistakes
    assert scores.recall() >= 0.95, scores.mistakes


def test_the_published_scores_are_the_measured_ones(scores: Scores) -> None:
    assert table(scores) in PUBLISHED.read_text("utf-8"), "renew the table: python tests/unit/pii/scores.py"
