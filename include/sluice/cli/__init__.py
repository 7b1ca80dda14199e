"""The `sluice` command. Each command is imported only when it is called, so that help is instant."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from sluice import __version__
from sluice.cli.interrupting import interruptible
from sluice.errors import BadInputError, SluiceError, SourceError, UsageError

COMMANDS = {
    "up": ("stack:up", "Start the local stack: PostgreSQL, AWS (moto), Airflow."),
    "down": ("stack:down", "Stop what `up` started."),
    "doctor": ("stack:doctor", "Check each part of the stack."),
    "demo": ("demo:demo", "Onboard a real source, with demo users deciding."),
    "draft": ("draft:draft", "Draft a contract from data."),
    "lint": ("contracts:lint", "Validate contracts: schema, semantics, quality rules."),
    "suite": ("suite:suite", "Print every rule that a contract is compiled to."),
    "try": ("trial:try_", "Try contracts on this machine: no Airflow, no AWS."),
    "request": ("requests:request", "Ask for a source to be onboarded."),
    "status": ("requests:status", "Where a request stands, and who is waited on."),
    "inbox": ("requests:inbox", "What waits for me."),
    "evidence": ("requests:evidence", "What a gate decides on."),
    "decide": ("requests:decide", "Approve, reject, return or take back at a gate."),
    "delegate": ("delegate:delegate", "Who signs for you while you are away."),
    "policy": ("policy:policy", "Which tier a contract is in, who must sign, and why."),
    "audit": ("audit:audit", "Who decided what about a source, on which evidence."),
    "block": ("holding:block", "Say what a request waits for."),
    "unblock": ("holding:unblock", "Say that it goes on."),
    "withdraw": ("holding:withdraw", "End a request that is not wanted any more."),
    "quarantine": ("quarantine:quarantine", "Rows that do not fit: see, repair, replay."),
    "refresh": ("refresh:refresh", "Bring in what is new at a published source."),
    "cost": ("cost:cost", "What published sources cost, and what was estimated."),
    "offboard": ("offboard:offboard", "End the life of a source: one asks, another agrees."),
    "hold": ("offboard:hold", "Keep a source's data from being destroyed."),
    "restore": ("incidents:restore", "Put the last good data of a source back."),
    "incident": ("incidents:incident", "What is wrong with published data, and until when."),
    "catalog": ("catalog:catalog", "What is published; each source as ODCS with results or DCAT."),
    "access": ("access:access", "Who may read published tables, and where that differs from the contracts."),
    "janitor": ("janitor:janitor", "Remove what abandoned landings left."),
    "digest": ("digest:digest", "What moved, what is stuck and on whom, what is due."),
    "tick": ("tick:tick", "Remind, expire, restart and deliver now, once."),
    "outbox": ("outbox:outbox", "What is still to be told, and what could not be."),
    "flow": ("flow:flow", "Where the time goes; histories in and out; what-ifs."),
    "forecast": ("forecast:forecast", "When it will be done: P50 and P85 dates."),
    "ledger": ("ledger:ledger", "Audit the record of decisions."),
}

EXIT_NOT_GOOD = 1
EXIT_BAD_INPUT = 2


class Commands(click.Group):
    """The commands by name, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(f"sluice.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sluice")
def cli() -> None:
    """Opens the gate between a data source and the lake: a contract goes in, a governed table comes out.

    Exit code 0: done. 1: the answer is no (a failed check, a refused decision). 2: wrong use or bad input.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        # Outside standalone mode click gives the code of ctx.exit and Exit instead of raising it.
        with interruptible():
            code = cli.main(given, prog_name="sluice", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except SluiceError as error:
        from sluice.cli.console import show_error

        show_error(error, as_json="--json" in given)
        sys.exit(EXIT_BAD_INPUT if isinstance(error, BadInputError | UsageError | SourceError) else EXIT_NOT_GOOD)
    if isinstance(code, int) and code:
        sys.exit(code)
