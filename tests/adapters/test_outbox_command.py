"""`sluice outbox`, as an operator uses it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from sluice.adapters.ledger import PostgresLedger
from sluice.cli import cli
from sluice.errors import TerminalError
from sluice.outbox import Message, Settled
from sluice.stream.delivery import deliver

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def sluice(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    return lambda *arguments: CliRunner().invoke(cli, ["outbox", *arguments], catch_exceptions=False)


def test_what_was_given_up_is_seen_and_sent_again(sluice: Any, ledger_url: str) -> None:
    assert "Nothing was ever told" in sluice("list").output
    ledger = PostgresLedger(ledger_url)
    with ledger.transaction() as tx:
        tx.enqueue("test.note", "hello", {"to": "bea"}, NOW, lane="mail")

    def never(_: Message) -> Settled:
        raise TerminalError("NO_SUCH_PERSON", "unknown mailbox")

    deliver(ledger, {"test": never}, lambda: NOW)
    shown = sluice("list")
    assert "dead" in shown.output
    assert "[NO_SUCH_PERSON] unknown mailbox" in shown.output
    (message,) = json.loads(sluice("list", "--json").output)["messages"]
    assert (message["seq"], message["state"], message["lane"]) == (1, "dead", "mail")
    assert "1 of 1 will be sent again" in sluice("retry", "1").output
    assert "0 of 1 will be sent again" in sluice("retry", "1").output
    with ledger.reading() as tx:
        assert tx.messages()[0].state == "pending"
    assert "0 of 0" in sluice("retry", "--dead").output


def test_it_asks_which(sluice: Any) -> None:
    from sluice.errors import UsageError

    for arguments in ((), ("1", "--dead")):
        with pytest.raises(UsageError, match="WHICH"):
            sluice("retry", *arguments)
