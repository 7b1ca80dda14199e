"""Commands that do real work without a stack, as a script meets them: exit codes and errors for machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import CONTRACT, sluice, strict, write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def test_lint_says_good_or_names_every_finding(shop: Path) -> None:
    good = sluice("lint", shop / "shop.odcs.yaml", home=shop)
    assert (good.returncode, good.stderr) == (0, "")
    bad = shop / "bad.odcs.yaml"
    bad.write_text(CONTRACT.replace("integer", "intger").replace("decimal(9,2)", "money"))
    done = sluice("lint", shop / "shop.odcs.yaml", bad, shop / "none.yaml", "--json", home=shop)
    assert done.returncode == 2
    results = strict(done.stdout)
    assert [r["valid"] for r in results] == [True, False, False]
    assert [f["code"] for r in results for f in r["findings"]] == ["UNKNOWN_TYPE", "CONTRACT_NOT_FOUND"]


@pytest.mark.parametrize(
    ("content", "code"), [("", "EMPTY_FILE"), ("id\n1\n", "MISSING_COLUMN"), ("id,amount\n", "EMPTY_TABLE")]
)
def test_data_that_cannot_be_landed_is_exit_2(shop: Path, content: str, code: str) -> None:
    (shop / "orders.csv").write_text(content)
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 2
    error = strict(done.stderr)["error"]
    assert error["code"] == code
    assert error["mend"]


def test_without_a_stack_the_way_to_start_it_is_named(shop: Path) -> None:
    done = sluice("doctor", home=shop)
    assert done.returncode == 1
    assert done.stdout.count("BAD") >= 4
    done = sluice("status", home=shop)
    assert done.returncode == 1
    assert "sluice up" in done.stderr
