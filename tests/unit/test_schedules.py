"""When published sources are refreshed: what contracts promise, as a scheduler takes it."""

from __future__ import annotations

import pytest

from shop import CONTRACT, FULL
from sluice.contract.cron import is_cron
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError
from sluice.running.sla import Schedule, schedule


def promising(*terms: str) -> Contract:
    text = CONTRACT.format(source="shop", orders=FULL, items=FULL)
    frequency = "  - {property: frequency, value: 1, unit: d}\n"
    assert frequency in text
    return read_contract(text.replace(frequency, "".join(f"  - {{{t}}}\n" for t in terms)))


DAILY, CLOCK = "property: frequency, value: 1, unit: d", "property: timeOfAvailability, value: "


@pytest.mark.parametrize(
    ("terms", "planned"),
    [
        ((DAILY,), Schedule("0 0 * * *")),
        ((DAILY, f"{CLOCK}'07:00 Europe/Berlin'"), Schedule("0 7 * * *", "Europe/Berlin")),
        ((DAILY, f"{CLOCK}'06:30Z'"), Schedule("30 6 * * *")),
        ((DAILY, f"{CLOCK}'09:00-08:00'"), Schedule("0 17 * * *")),
        ((DAILY, f"{CLOCK}'09:00 Mars/Olympus'"), Schedule("0 9 * * *")),
        (("property: frequency, value: 1, unit: w", f"{CLOCK}'07:00 Europe/Berlin'"), Schedule("0 7 * * 1", "Europe/Berlin")),
        (("property: frequency, value: 30, unit: d",), Schedule("0 0 1 * *")),
        (("property: frequency, value: 15, unit: min",), Schedule("every 900 s")),
        (("property: frequency, value: 0.5, unit: s",), Schedule("every 60 s")),
        (("property: frequency, value: 1, unit: d, scheduler: cron, schedule: '0 6 * * mon-fri'",), Schedule("0 6 * * mon-fri")),
        (("property: frequency, value: sometimes",), None),
    ],
)  # fmt: skip
def test_what_is_promised_is_when_it_is_refreshed_as_clocks_there_show_it(
    terms: tuple[str, ...], planned: Schedule | None
) -> None:
    assert schedule(promising(*terms)) == planned


def test_a_cron_expression_that_no_scheduler_takes_is_an_error_with_its_line() -> None:
    with pytest.raises(InvalidContractError) as caught:
        promising("property: frequency, value: 1, unit: d, scheduler: cron, schedule: 'every morning'")
    (finding,) = caught.value.findings
    assert (finding.code, bool(finding.line), "0 6 * * *" in finding.mend) == ("SLA_SCHEDULE", True, True)


def test_cron_expressions_are_told_from_others_as_airflow_tells_them() -> None:
    croniter = pytest.importorskip("croniter").croniter
    for text in (
        "0 6 * * *", "*/15 * * * *", "0 6 1,15 * *", "0 6 * jan-mar mon", "59 23 31 12 7", "60 * * * *", "* * * *", "0 24 * * *",
        "0 6 * * 8", "0 6 0 * *", "garbage", "5-1 * * * *", "*/0 * * * *", "a b c d e", "0 6 * * mon,",
        "0 6 l * *", "0 6 * * fri#2", "0 6 ? * *",
    ):  # fmt: skip
        assert is_cron(text) == croniter.is_valid(text), text
