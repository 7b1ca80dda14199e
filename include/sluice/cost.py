"""What a source will cost to keep, estimated before people are asked to approve it."""

from __future__ import annotations

from typing import Any

# AWS public price list, eu-west-1, S3 Standard, read 2026-11: storage per GB-month; PUT and GET per 1,000.
STORAGE_PER_GB_MONTH = 0.023
PUT_PER_1000 = 0.005
GLUE_OBJECTS_PER_100K_MONTH = 1.00


def estimate(source_bytes: int, staged_bytes: int, tables: int, files: int) -> dict[str, Any]:
    """Monthly cost in US dollars of keeping one landing copy and one table copy, with its assumptions."""
    gigabytes = (source_bytes + staged_bytes) / 1e9
    monthly = (
        gigabytes * STORAGE_PER_GB_MONTH + files * PUT_PER_1000 / 1000 + tables * GLUE_OBJECTS_PER_100K_MONTH / 100_000
    )
    return {
        "monthly_usd": round(monthly, 6),
        "assumptions": [
            f"{source_bytes:,} bytes landed and {staged_bytes:,} bytes of Parquet kept in S3 Standard at "
            f"{STORAGE_PER_GB_MONTH} USD per GB-month (eu-west-1 list price, 2026-11)",
            f"{files} objects written at {PUT_PER_1000} USD per 1,000; {tables} catalog tables",
            "queries, transfer and refreshes are not included",
        ],
    }
