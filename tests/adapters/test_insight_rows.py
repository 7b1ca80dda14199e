"""The requests' lines in the real ledger: caught up by sequence number, once, whatever was interrupted."""

from __future__ import annotations

from datetime import timedelta

import made_up
from sluice.adapters.ledger import PostgresLedger
from sluice.insight.columns import Lines
from sluice.insight.reading import READER, catch_up
from sluice.stages import Event, Stage


def always() -> bool:
    return True


def test_lines_follow_the_events_and_only_what_is_new_is_read_again(ledger_url: str) -> None:
    ledger = PostgresLedger(ledger_url)
    made = list(made_up.histories(60))
    count = made_up.load(ledger, made)
    lines = Lines(ledger)
    assert len(lines.read()) == 0
    assert catch_up(ledger, always) == 0
    columns = lines.read()
    assert set(columns.ids) == {m.request.id for m in made}
    assert columns.open.sum() == sum(m.request.state == "open" for m in made)
    with ledger.reading() as tx:
        assert tx.cursor(READER) == tx.newest_event() == count

    waiting = next(m.request for m in made if m.request.state == "open")
    with ledger.transaction() as tx:
        tx.append(waiting.id, Stage.PUBLICATION, 9, Event.READY, made_up.NOW + timedelta(hours=1))
    with ledger.reading() as tx:
        assert tx.unread_requests(tx.cursor(READER), tx.newest_event()) == [waiting.id]
    assert catch_up(ledger, always) == 0
    fresh = lines.read()
    assert len(fresh) == 60
    place = dict(zip(fresh.ids, fresh.places, strict=True))[waiting.id]
    assert place[-1]["stage"] == "publication"


def test_an_interrupted_reading_goes_on_where_it_stopped(ledger_url: str) -> None:
    ledger = PostgresLedger(ledger_url)
    made_up.load(ledger, list(made_up.histories(250)))
    left = catch_up(ledger, lambda: False)
    assert left > 0
    with ledger.reading() as tx:
        assert tx.cursor(READER) == 0
        assert len(tx.unread_requests(0, tx.newest_event())) == 150
    assert catch_up(ledger, always) == 0
    assert len(Lines(ledger).read()) == 250


def test_an_older_line_never_replaces_a_newer_one(ledger_url: str) -> None:
    from sluice.insight.summary import summarise

    ledger = PostgresLedger(ledger_url)
    (made,) = made_up.histories(1)
    made_up.load(ledger, [made])
    catch_up(ledger, always)
    with ledger.reading() as tx:
        events = tx.events(made.request.id)
    with ledger.transaction() as tx:
        tx.put_summaries([summarise(made.request, events[:5])])
    with ledger.reading() as tx:
        assert tx.summary_rows(0)[0]["seq"] == len(events)


def test_whoever_reads_in_the_middle_misses_nothing_that_is_written_after(ledger_url: str) -> None:
    ledger = PostgresLedger(ledger_url)
    made_up.load(ledger, list(made_up.histories(250)))
    lines = Lines(ledger)
    while catch_up(ledger, lambda: False):
        lines.read()
    assert len(lines.read()) == 250


def test_lines_that_were_emptied_are_made_and_read_again(ledger_url: str) -> None:
    import sqlalchemy as sa

    ledger = PostgresLedger(ledger_url)
    made_up.load(ledger, list(made_up.histories(130)))
    lines = Lines(ledger)
    catch_up(ledger, always)
    before = lines.read()
    assert len(before) == 130 and lines.read(1) is before, "who looked earlier changes nothing"
    engine = sa.create_engine(ledger_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM sluice.request_summary"))
        connection.execute(sa.text("DELETE FROM sluice.outbox_cursor"))
    catch_up(ledger, lambda: False)
    with ledger.reading() as tx:
        _, _, written = tx.lines_state(READER)
    assert len(lines.read(written)) == 100, "the first hundred of them again, and nothing that was there before"
