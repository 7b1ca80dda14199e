"""Before against now: like with like, and no certainty from a handful."""

from datetime import UTC, datetime, timedelta

import numpy
import pytest

from sluice.flow.baseline import claim, freeze
from sluice.flow.comparison import FLOOR, compare
from sluice.histories import Baseline, Obtained, PastCase

T0 = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86400.0


def cases(
    days: list[float], tier: str = "low", outcome: str = "published", business: float | None = None
) -> list[PastCase]:
    return [
        PastCase(
            f"{tier}-{outcome}-{i}",
            outcome,
            tier,
            "",
            T0,
            T0 + timedelta(days=float(d)),
            float(d) * DAY,
            None,
            business and d * business,
        )
        for i, d in enumerate(days)
    ]


def frozen(made: list[PastCase], obtained: Obtained = Obtained.MEASURED) -> Baseline:
    return freeze(made, name="before", obtained=obtained, statement="Jira", digest="d", form="csv", now=T0, by="dan")


random = numpy.random.default_rng(1)
LONG = list(random.gamma(6, 3.5, 80))
SHORT = list(random.gamma(6, 1.2, 60))


def test_a_clear_improvement_is_proven_with_an_interval_around_it() -> None:
    found = compare(frozen(cases(LONG)), cases(SHORT), tier="low")
    truth = (numpy.median(LONG) - numpy.median(SHORT)) * DAY
    assert found.saved == pytest.approx(truth)
    assert found.low is not None
    assert found.high is not None
    assert found.low < truth < found.high
    assert found.proven
    assert (found.before.n, found.now.n) == (80, 60)
    assert compare(frozen(cases(LONG)), cases(SHORT), tier="low") == found  # the same every time


def test_no_difference_is_not_proven() -> None:
    found = compare(frozen(cases(LONG)), cases(LONG[::-1]))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0 <= found.high
    assert not found.proven


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(60):
        draw = numpy.random.default_rng(seed)
        found = compare(frozen(cases(list(draw.exponential(10, 60)))), cases(list(draw.exponential(4, 60))), seed=seed)
        covered += (found.low or 0) <= numpy.log(2) * 6 * DAY <= (found.high or 0)
    assert covered >= 53


def test_only_like_is_compared_with_like() -> None:
    before = frozen(cases(LONG, "high") + cases([1.0] * 40, "low") + cases([0.1] * 40, "high", "rejected"))
    found = compare(before, cases(SHORT, "high") + cases([300.0] * 50, "low"), tier="high")
    assert (found.before.n, found.now.n) == (80, 60)
    assert found.now.p50 == pytest.approx(numpy.median(SHORT) * DAY)
    mixed = compare(frozen(cases(LONG, "high")), cases(SHORT, "low"))
    assert any("tiers differ" in n for n in mixed.notes)
    unknown = compare(frozen(cases(LONG, "")), cases(SHORT, "low"), tier="low")
    assert any("does not say every case's tier" in n for n in unknown.notes)


def test_business_hours_are_compared_with_business_hours() -> None:
    found = compare(frozen(cases(LONG, business=0.25 * DAY)), cases(SHORT, business=0.2 * DAY), clock="business")
    assert found.before.p50 == pytest.approx(numpy.median(LONG) * 0.25 * DAY)
    without = compare(frozen(cases(LONG)), cases(SHORT, business=1.0), clock="business")
    assert without.saved is None
    assert any("--calendar" in n for n in without.notes)


def test_too_few_say_so() -> None:
    few = compare(frozen(cases(LONG)), cases(SHORT[: FLOOR - 1]))
    assert (few.low, few.proven) == (None, False)
    assert few.saved is not None
    assert "19 finished requests of ours" in few.reason
    assert "No confidence interval" in few.said
    assert "in the baseline" in compare(frozen(cases(LONG[:5])), cases(SHORT)).reason
    assert compare(frozen(cases(LONG)), []).saved is None


def test_a_claim_is_never_a_proof() -> None:
    said = claim("three weeks, says the team", 21 * DAY, name="claim", digest="d", now=T0, by="dan")
    found = compare(said, cases(SHORT))
    assert (found.measured, found.proven, found.before.p50, found.before.n) == (False, False, 21 * DAY, 0)
    assert found.low is not None
    assert found.low < (found.saved or 0) < (found.high or 0)
    assert "claimed, not measured" in found.said
    assert any("three weeks, says the team" in n for n in found.notes)
    measured_as_claimed = compare(frozen(cases(LONG), Obtained.CLAIMED), cases(SHORT))
    assert not measured_as_claimed.proven


@pytest.mark.parametrize("sizes", [(80, 60), (81, 61), (20, 400)])
def test_the_interval_is_that_of_resampling(sizes: tuple[int, int]) -> None:
    from scipy.stats import bootstrap

    draw = numpy.random.default_rng(7)
    theirs, ours = draw.gamma(6, 3.5, sizes[0]), draw.gamma(6, 1.2, sizes[1])
    found = compare(frozen(cases(list(theirs))), cases(list(ours)))
    asked = bootstrap(
        (theirs, ours), lambda was, now, axis: numpy.median(was, axis=axis) - numpy.median(now, axis=axis),
        method="percentile", n_resamples=4999, rng=draw, vectorized=True, batch=500,
    ).confidence_interval  # fmt: skip
    width = asked.high - asked.low
    assert (found.low or 0) / DAY == pytest.approx(asked.low, abs=0.1 * width)
    assert (found.high or 0) / DAY == pytest.approx(asked.high, abs=0.1 * width)
