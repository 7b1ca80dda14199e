"""Answers that are made in the background: made once, waited for by who began, shown until they are made again."""

from __future__ import annotations

import threading
import time

from sluice_airflow.web.kept import Kept


def test_only_who_began_or_is_patient_waits_and_it_is_made_once() -> None:
    kept, go, made = Kept(), threading.Event(), []

    def make() -> str:
        made.append(1)
        go.wait(10)
        return "there"

    assert kept.ask("k", make, fresh=60, wait=0.01) is None
    begun = time.monotonic()
    assert kept.ask("k", make, fresh=60, wait=5.0) is None
    assert time.monotonic() - begun < 2, "it does not wait for what somebody else began"
    threading.Timer(0.05, go.set).start()
    assert kept.ask("k", make, fresh=60, wait=10.0, patient=True) == "there"
    assert kept.ask("k", make, fresh=60, wait=0.0) == "there" and len(made) == 1
    assert kept.ask("k", make, fresh=-1.0, wait=0.0) == "there", "the old one is shown while it is made again"
