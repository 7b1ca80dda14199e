"""Business time: exact on days that people remember, and against a clock that counts minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.calendars import CONTINUOUS, Calendar
from sluice.errors import BadInputError, TerminalError
from sluice.policy import load_policy

POLICY = Path(__file__).parents[2] / "include" / "policy.yaml"
NINE_TO_FIVE = ((time(9), time(17)),)
OFFICE = Calendar(
    "office", "1", "Europe/Brussels", dict.fromkeys(range(5), NINE_TO_FIVE), frozenset({date(2026, 5, 1)})
)
H = 3600


def brussels(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo("Europe/Brussels"), fold=fold)


def test_a_weekend_and_a_holiday_do_not_count() -> None:
    thursday, monday = brussels(2026, 4, 30, 16), brussels(2026, 5, 4, 10)
    assert OFFICE.seconds_between(thursday, monday) == 2 * H
    assert not OFFICE.is_open(brussels(2026, 5, 1, 12))
    assert OFFICE.next_open(brussels(2026, 4, 30, 17)) == brussels(2026, 5, 4, 9)
    assert OFFICE.after(thursday, 2 * H) == monday
    assert OFFICE.seconds_between(monday, thursday) == 0


def test_an_end_is_closed_and_a_beginning_open() -> None:
    assert OFFICE.is_open(brussels(2026, 5, 4, 9))
    assert not OFFICE.is_open(brussels(2026, 5, 4, 17))
    assert OFFICE.after(brussels(2026, 5, 4, 16), H) == brussels(2026, 5, 4, 17)
    assert OFFICE.after(brussels(2026, 5, 4, 20), 0) == brussels(2026, 5, 4, 20)


def test_days_on_which_the_clocks_change_count_what_passed() -> None:
    night = Calendar("night", "1", "Europe/Brussels", dict.fromkeys(range(7), ((time(0), time(6)),)))
    assert night.seconds_between(brussels(2026, 3, 29), brussels(2026, 3, 29, 12)) == 5 * H
    assert night.seconds_between(brussels(2026, 10, 25), brussels(2026, 10, 25, 12)) == 7 * H
    skipped = Calendar("skipped", "1", "Europe/Brussels", {6: ((time(2, 30), time(4)),)})
    assert skipped.next_open(brussels(2026, 3, 29)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert skipped.seconds_between(brussels(2026, 3, 29), brussels(2026, 3, 30)) == H
    assert skipped.seconds_between(brussels(2026, 10, 25), brussels(2026, 10, 26)) == 2.5 * H


def test_a_new_version_changes_no_history() -> None:
    new = Calendar(
        "office", "2", "Asia/Tokyo", dict.fromkeys(range(7), NINE_TO_FIVE), valid_from=date(2026, 6, 1), before=OFFICE
    )
    before = brussels(2026, 5, 4, 8), brussels(2026, 5, 5, 8)
    assert new.seconds_between(*before) == OFFICE.seconds_between(*before) == 8 * H
    switch = datetime(2026, 6, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert new.at(switch).version == "2"
    assert new.at(switch - timedelta(seconds=1)).version == "1"
    assert new.seconds_between(switch, switch + timedelta(days=7)) == 7 * 8 * H


def test_over_new_year_and_over_years() -> None:
    assert CONTINUOUS.seconds_between(brussels(2024, 12, 31, 12), brussels(2027, 1, 1, 12)) == 731 * 24 * H
    assert OFFICE.after(brussels(2026, 12, 31, 16), 2 * H) == brussels(2027, 1, 1, 10)


def test_a_calendar_that_never_opens_says_so() -> None:
    with pytest.raises(TerminalError, match="never opens"):
        Calendar("shut", "1", "UTC", {}).next_open(brussels(2026, 1, 1))


zones = st.sampled_from(["Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
minutes = st.integers(0, 24 * 60)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = {}
    for day in range(7):
        cuts = sorted(draw(st.lists(minutes, max_size=4, unique=True)))
        spans = list(zip(cuts[::2], cuts[1::2], strict=False))
        hours[day] = tuple((time(a // 60, a % 60), time(b // 60 % 24, b % 60)) for a, b in spans)
    days = draw(st.frozensets(st.dates(date(2026, 3, 25), date(2026, 4, 5)), max_size=3))
    return Calendar("any", "1", draw(zones), hours, days)


instants = st.integers(0, 380_000).map(lambda m: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=m))


@settings(max_examples=60)
@given(calendars(), st.sampled_from([datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)]),
       st.integers(0, 1440), st.integers(0, 3000))  # fmt: skip
def test_counting_agrees_with_looking_every_minute(calendar: Calendar, day: datetime, offset: int, length: int) -> None:
    begin = day + timedelta(minutes=offset)
    looks = [calendar.is_open(begin + timedelta(minutes=m)) for m in range(length)]
    assert calendar.seconds_between(begin, begin + timedelta(minutes=length)) == pytest.approx(60 * sum(looks))


@settings(max_examples=80)
@given(calendars(), instants, instants, instants)
def test_business_time_adds_up_and_never_exceeds_the_wall(
    calendar: Calendar, a: datetime, b: datetime, c: datetime
) -> None:
    a, b, c = sorted((a, b, c))
    whole = calendar.seconds_between(a, c)
    assert whole == pytest.approx(calendar.seconds_between(a, b) + calendar.seconds_between(b, c))
    assert 0 <= whole <= (c - a).total_seconds()
    assert whole == pytest.approx(sum((e - s).total_seconds() for s, e in calendar.openings(a, c)))
    if any(calendar.hours.values()) and whole:
        assert calendar.seconds_between(a, calendar.after(a, whole)) == pytest.approx(whole)
        assert calendar.is_open(calendar.next_open(a))
        assert CONTINUOUS.after(a, whole) <= calendar.after(a, whole)


ROLES = """
tiers: {by_classification: {public: low, internal: low, confidential: high, restricted: high}}
gates: {admission: {low: [a], standard: [a], high: [a]}, publication: {low: [a], standard: [a], high: [a]}}
roles: {a: {members: [ann], calendar: CALENDAR}, b: {members: [bob]}}
calendars:
"""


def policy_with(tmp_path: Path, calendars: str, calendar: str = "office") -> object:
    file = tmp_path / "policy.yaml"
    file.write_text(ROLES.replace("CALENDAR", calendar) + calendars)
    return load_policy(file)


def test_the_policy_names_each_roles_calendar(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, """
  office:
    versions:
      - {zone: Europe/Brussels, hours: {mon-thu: ["09:00-12:30", "13:30-17:30"], fri: ["09:00-16:00"]}, country: BE, closed: ["2026-12-24"]}
      - {valid_from: "2027-01-01", zone: Europe/Brussels, hours: {mon-sun: ["00:00-24:00"]}}
""")  # fmt: skip
    calendar = policy.calendar_of("a")
    assert (
        calendar.seconds_between(brussels(2026, 7, 20), brussels(2026, 7, 27)) == (3 * 7.5 + 7) * H
    )  # 21 July: national day
    assert not calendar.is_open(brussels(2026, 12, 24, 10))
    assert calendar.is_open(brussels(2027, 1, 2, 23))
    assert policy.calendar_of("b") is policy.calendar_of("nobody") is CONTINUOUS


def test_the_policy_in_the_repository_has_calendars_that_open() -> None:
    policy = load_policy(POLICY)
    for role in policy.roles:
        assert policy.calendar_of(role).next_open(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("calendars", "said"),
    [
        ("  office: {zone: Europe/Bruges, hours: {mon: ['09:00-17:00']}}", "not a time zone"),
        ("  office: {zone: ../etc/passwd, hours: {mon: ['09:00-17:00']}}", "not a time zone"),
        ("  office: {zone: UTC, hours: {mon: ['17:00-09:00']}}", "not hours of a day"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-25:00']}}", "not hours of a day"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-13:00', '12:00-17:00']}}", "follow one another"),
        ("  office: {zone: UTC, hours: {mon-fri: ['09:00-13:00'], fri: []}}", "weekday of its own"),
        ("  office: {zone: UTC, hours: {mon: []}}", "never open"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-17:00']}, country: XX}", "no public holidays"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-17:00']}, country: BE, subdivision: XX}", "no public holidays"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-17:00']}, closed: [tomorrow]}", "not a date"),
        ("  office: {zone: UTC, hours: {mon: ['09:00-17:00']}, lunch: 12}", "unknown key 'lunch'"),
        ("  office: {versions: [{zone: UTC, hours: {mon: ['09:00-17:00']}}, {zone: UTC, hours: {mon: ['09:00-17:00']}}]}", "valid_from"),
        ("  continuous: {zone: UTC, hours: {mon: ['09:00-17:00']}}", "name is taken"),
        ("  other: {zone: UTC, hours: {mon: ['09:00-17:00']}}", "unknown calendar 'office'"),
    ],
)  # fmt: skip
def test_a_wrong_calendar_is_refused_with_its_line(tmp_path: Path, calendars: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as caught:
        policy_with(tmp_path, calendars)
    assert "policy.yaml:" in caught.value.where
