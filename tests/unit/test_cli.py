"""The command line as users and scripts meet it: exit codes, messages, speed of its help."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from command_line import SLUICE
from sluice.cli import COMMANDS, cli, main


def test_help_is_instant_and_names_every_command(tmp_path: Path) -> None:
    started = time.perf_counter()
    done = subprocess.run([SLUICE, "--help"], cwd=tmp_path, capture_output=True, text=True)
    # Generous: the promise is 0.3 s, the machine may be busy.
    assert time.perf_counter() - started < 3
    assert done.returncode == 0
    for name in ("up", "down", "doctor", "draft", "lint", "try", "request", "status", "inbox", "decide"):
        assert f"  {name}" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["try", "--help"]])
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


def run(arguments: list[str]) -> int:
    """The command line in this process; its exit code."""
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


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
def test_wrong_use_is_exit_2_and_says_what(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_setting_is_named() -> None:
    done = subprocess.run(
        [SLUICE, "doctor"], env={"SLUICE_AWS_PORT": "many", "PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "SLUICE_AWS_PORT='many'" in done.stderr


def test_choices_are_words() -> None:
    """click takes the members of an Enum by their names, so a list of a StrEnum's members refuses its own values."""

    def options(command: click.Command) -> list[click.Parameter]:
        below = command.commands.values() if isinstance(command, click.Group) else ()
        return [*command.params, *(p for c in below for p in options(c))]

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for option in options(command):
            if isinstance(option.type, click.Choice):
                assert {type(choice) for choice in option.type.choices} == {str}, (name, option.name)
