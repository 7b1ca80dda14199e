"""Costs as FOCUS 1.0 rows: the FinOps Open Cost and Usage Specification, so that any FinOps tool reads them.

Every column that the specification makes mandatory is there, and of the conditional ones those that apply. What is
ours alone begins with `x_`, as it asks. Source: FOCUS Specification v1.0, focus.finops.org.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sluice.running.costs import READ, RUN, STORAGE, UPKEEP
from sluice.running.records import Record

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
    "ServiceCategory", "ServiceName",
)  # fmt: skip
ALSO = (
    "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "ListUnitPrice", "PricingCategory",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "SkuId", "SkuPriceId", "SubAccountId",
    "SubAccountName", "Tags",
)  # fmt: skip
OWN = ("x_Run", "x_Estimated", "x_PricesDate")
COLUMNS = (*MANDATORY, *ALSO, *OWN)

_SERVICES = {
    "storage": ("Storage", "Amazon Simple Storage Service"), "landing": ("Storage", "Amazon Simple Storage Service"),
    "put": ("Storage", "Amazon Simple Storage Service"), "get": ("Storage", "Amazon Simple Storage Service"),
    "compute": ("Compute", "Airflow workers"), "scan": ("Analytics", "Amazon Athena"), "catalog": ("Analytics", "AWS Glue"),
}  # fmt: skip
_DESCRIPTIONS = {
    RUN: "one run: landing, profiling, checking, publishing", STORAGE: "what was stored, as it was measured",
    UPKEEP: "upkeep: files compacted, snapshots expired", READ: "data that consumers read",
}  # fmt: skip
_HOUR = timedelta(hours=1)
_REGIONS = {"eu-west-1": "EU (Ireland)", "eu-central-1": "EU (Frankfurt)", "us-east-1": "US East (N. Virginia)"}


def rows(records: Iterable[Record], *, account: str, account_name: str, now: datetime) -> Iterator[dict[str, Any]]:
    """A row for every line of every cost on record; `account` is who is billed.

    What is stored is measured again and again, each time as the cost of a whole month. Here a measurement holds until
    the source's next one (the newest until `now`), and is charged for these hours of the month alone.
    """
    known = list(records)
    until: dict[int, datetime] = {}
    following: dict[str, datetime] = {}
    for record in reversed(known):
        if record.kind == STORAGE:
            until[record.seq] = following.get(record.source, _hour(now) + _HOUR)
            following[record.source] = _hour(record.at)
    for record in known:
        spans = _by_month(_hour(record.at), until[record.seq]) if record.kind == STORAGE else [(*_hours(record), 1.0)]
        for begun, ended, share in spans:
            for line in record.content.get("lines", ()):
                if line["quantity"]:
                    yield _row(record, line, account, account_name, begun, ended, share)


def as_csv(found: Iterable[dict[str, Any]]) -> str:
    """The rows as CSV, nulls empty, and no text that a spreadsheet would run as a formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({k: _harmless(row[k]) for k in COLUMNS})
    return out.getvalue()


def _row(
    record: Record, line: dict[str, Any], account: str, account_name: str, begun: datetime, ended: datetime, share: float
) -> dict[str, Any]:  # fmt: skip
    month, following = _month(begun)
    sku = line["sku"].split(" ")[0]
    category, service = _SERVICES[sku]
    tagged, region = record.content["tags"], record.content["region"]
    cost, quantity = round(line["usd"] * share, 12), line["quantity"] * share
    named = {k: v for k, v in tagged.items() if k != "use_cases"} | {"use_case": ", ".join(tagged["use_cases"])}
    return {
        "BilledCost": cost, "BillingAccountId": account, "BillingAccountName": account_name, "BillingCurrency": "USD",
        "BillingPeriodEnd": _time(following), "BillingPeriodStart": _time(month), "ChargeCategory": "Usage", "ChargeClass": None,
        "ChargeDescription": f"{record.source}: {_DESCRIPTIONS[record.kind]} ({line['sku']})", "ChargePeriodEnd": _time(ended),
        "ChargePeriodStart": _time(begun), "ContractedCost": cost, "EffectiveCost": cost, "InvoiceIssuerName": "AWS", "ListCost": cost,
        "PricingQuantity": quantity, "PricingUnit": line["unit"], "ProviderName": "AWS", "PublisherName": "AWS",
        "ServiceCategory": category, "ServiceName": service, "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": quantity, "ConsumedUnit": line["unit"], "ContractedUnitPrice": line["price"],
        "ListUnitPrice": line["price"], "PricingCategory": "Standard", "RegionId": region, "RegionName": _REGIONS.get(region, region),
        "ResourceId": record.source, "ResourceName": record.source, "ResourceType": "Published source", "SkuId": line["sku"].replace(" ", "-"),
        "SkuPriceId": f"{line['sku'].replace(' ', '-')}/{region}", "SubAccountId": tagged["cost_centre"] or None,
        "SubAccountName": tagged["cost_centre"] or None, "Tags": json.dumps(named, ensure_ascii=False, sort_keys=True),
        "x_Run": record.run or None, "x_Estimated": True, "x_PricesDate": record.content["prices_date"],
    }  # fmt: skip


def _hours(record: Record) -> tuple[datetime, datetime]:
    """When a run's charge arose, to the hour."""
    return _hour(datetime.fromisoformat(record.content["begun"])), _hour(record.at) + _HOUR


def _by_month(begun: datetime, ended: datetime) -> Iterator[tuple[datetime, datetime, float]]:
    """The time from `begun` to `ended`, cut where months end, and each piece's share of its month."""
    while begun < ended:
        month, following = _month(begun)
        piece = min(ended, following)
        yield begun, piece, (piece - begun) / (following - month)
        begun = piece


def _month(at: datetime) -> tuple[datetime, datetime]:
    month = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return month, (month + timedelta(days=32)).replace(day=1)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _harmless(value: Any) -> Any:
    text = "" if value is None else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
