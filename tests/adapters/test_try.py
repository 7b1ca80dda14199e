"""`sluice try`: the machine's stages on this machine, with the real engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import sluice, strict, write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def test_try_shows_what_approvers_would_see(shop: Path) -> None:
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    assert done.returncode == 0, done.stderr
    assert "Checks: passed" in done.stdout
    evidence = strict((shop / "out" / "shop" / "evidence.json").read_text())
    (table,) = evidence["tables"]
    assert (table["rows_read"], table["rows_staged"], table["rows_quarantined"]) == (2, 1, 1)
    assert {c["name"] for c in table["columns"]} == {"id", "amount"}
    assert {"source", "contract_digest", "evidence_digest", "tier", "tier_reasons", "quality", "cost"} <= set(evidence)
    assert (shop / "out" / "shop" / "quarantine" / "orders" / "part-0.parquet").exists()


def test_a_failed_check_is_exit_1(shop: Path) -> None:
    (shop / "orders.csv").write_text("id,amount\n,10.50\n")
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 1
    assert strict(done.stdout)[0]["quality"]["success"] is False
