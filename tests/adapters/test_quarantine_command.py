"""`sluice quarantine` on a folder of `sluice try`: what a source owner does with rows that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import sluice, strict, write_shop


@pytest.fixture
def tried(tmp_path: Path) -> Path:
    """A shop whose one bad row is in quarantine after a trial."""
    write_shop(tmp_path)
    assert sluice("try", tmp_path / "shop.odcs.yaml", "--out", tmp_path / "out", home=tmp_path).returncode == 0
    return tmp_path


def test_see_export_repair_replay_and_only_once(tried: Path) -> None:
    out = ("--out", tried / "out")
    (source,) = strict(sluice("quarantine", "list", *out, "--json", home=tried).stdout)
    (found,) = source["tables"]
    assert (source["source"], found["table"], found["rows"], found["landed"]) == ("shop", "orders", 1, True)
    (reason,) = found["reasons"]
    assert (reason["reason_code"], reason["column"], reason["rows"]) == ("CAST", "amount", 1)
    assert (reason["examples"][0]["file"], reason["examples"][0]["line"]) == ("orders.csv", 3)
    assert "orders.csv:3" in sluice("quarantine", "list", "shop", *out, home=tried).stdout
    assert "2,x" in sluice("quarantine", "show", "orders", "--raw", *out, home=tried).stdout

    export = tried / "bad.jsonl"
    done = sluice("quarantine", "export", "shop", "orders", "-o", export, *out, home=tried)
    assert done.returncode == 0, done.stderr
    assert export.stat().st_mode & 0o077 == 0, "these rows are for nobody else's eyes"
    again = sluice("quarantine", "export", "orders", "-o", export, *out, home=tried)
    assert (again.returncode, "FILE_EXISTS" in again.stderr) == (2, True)

    refused = sluice("quarantine", "replay", "shop", "orders", export, *out, "--json", home=tried)
    assert refused.returncode == 2
    assert strict(refused.stderr)["error"]["code"] == "REPLAY_ROWS"
    row = json.loads(export.read_text())
    export.write_text(json.dumps(row | {"raw": "2,2.50"}))
    offered = sluice("quarantine", "replay", "shop", "orders", export, *out, "--json", home=tried)
    assert offered.returncode == 0, offered.stderr
    assert strict(offered.stdout)["rows"] == 1

    counts = []
    for _ in range(2):
        assert sluice("try", tried / "shop.odcs.yaml", *out, home=tried).returncode == 0
        (table,) = strict((tried / "out/shop/evidence.json").read_text())["tables"]
        counts.append((table["rows_read"], table["rows_staged"], table["rows_quarantined"]))
    assert counts == [(3, 2, 1), (2, 1, 1)], "the next load has them, the one after it does not"
    assert "taken by try-" in sluice("quarantine", "list", *out, home=tried).stdout
    spent = sluice("quarantine", "replay", "shop", "orders", export, *out, home=tried)
    assert (spent.returncode, "REPLAY_SPENT" in spent.stderr) == (1, True)


def test_a_landing_that_was_stopped_shows_why(tmp_path: Path) -> None:
    write_shop(tmp_path)
    contract = tmp_path / "shop.odcs.yaml"
    text = contract.read_text().replace(
        "  - name: orders\n", "  - name: orders\n    customProperties: [{property: quarantinePolicy, value: refuse}]\n"
    )
    contract.write_text(text.replace("{name: amount,", "{name: amount, classification: confidential,"))
    assert sluice("try", contract, "--out", tmp_path / "out", home=tmp_path).returncode == 2
    done = sluice("quarantine", "list", "--out", tmp_path / "out", home=tmp_path)
    assert "landing was stopped" in done.stdout
    assert "orders.csv:3: (withheld)" in done.stdout
    assert "'x'" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", "nobody"), "NO_TRIAL"), (("show", "nothing"), "NO_TABLE"), (("export", "nobody", "orders", "-o", "x"), "NO_TRIAL"),
        (("withdraw", "shop", "orders", "0123"), "REPLAY"), (("show", "a", "b", "c"), "NAMES"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_wrong_use(tried: Path, arguments: tuple[str, ...], code: str) -> None:
    done = sluice("quarantine", *arguments, "--out", tried / "out", home=tried)
    assert done.returncode == 2
    assert f"[{code}]" in done.stderr
    assert code != "NO_TRIAL" or "tried there: shop" in done.stderr
