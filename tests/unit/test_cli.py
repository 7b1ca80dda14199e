"""The command line as users and scripts meet it: exit codes, messages, speed of its help."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from command_line import CONTRACT, SLUICE, sluice, strict, write_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def test_help_is_instant_and_names_every_command(tmp_path: Path) -> None:
    started = time.perf_counter()
    done = sluice("--help", home=tmp_path)
    # Generous: the promise is 0.3 s, the machine may be busy.
    assert time.perf_counter() - started < 3
    assert done.returncode == 0
    for name in ("up", "down", "doctor", "draft", "lint", "try", "request", "status", "inbox", "decide"):
        assert f"  {name}" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["try", "--help"], ["lint", "--help"], ["--version"]])
def test_nothing_heavy_is_imported_to_say_how(arguments: list[str]) -> None:
    heavy = (
        "airflow", "boto3", "duckdb", "great_expectations", "httpx", "jinja2", "jsonschema", "numpy", "pandas", "pyarrow",
        "pyiceberg", "rich", "sqlalchemy", "yaml",
    )  # fmt: skip
    program = (
        "import sys\nfrom sluice.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        f"print(*sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    "name",
    [
        "up",
        "down",
        "doctor",
        "demo",
        "draft",
        "lint",
        "try",
        "request",
        "status",
        "inbox",
        "evidence",
        "decide",
        "ledger",
    ],
)
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    done = sluice(name, "--help", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lnt"], "Did you mean 'lint'?"),
        (["lint"], "Missing argument"),
        (["try", "x.yaml"], "--out"),
        (["decide", "x", "--gate", "exit", "--role", "r"], "--gate"),
        (["decide", "x", "--gate", "admission", "--role", "r"], "VERDICT"),
        (["status", "--colour"], "--colour"),
    ],
)
def test_wrong_use_is_exit_2_and_says_what(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = sluice(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named() -> None:
    done = subprocess.run(
        [SLUICE, "doctor"], env={"SLUICE_AWS_PORT": "many", "PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "SLUICE_AWS_PORT='many'" in done.stderr


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


def test_choices_are_words() -> None:
    """click takes the members of an Enum by their names, so a list of a StrEnum's members refuses its own values."""
    from sluice.cli import COMMANDS, cli

    def options(command: click.Command) -> list[click.Parameter]:
        below = command.commands.values() if isinstance(command, click.Group) else ()
        return [*command.params, *(p for c in below for p in options(c))]

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for option in options(command):
            if isinstance(option.type, click.Choice):
                assert {type(choice) for choice in option.type.choices} == {str}, (name, option.name)
