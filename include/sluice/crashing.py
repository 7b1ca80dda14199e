"""Named places where a process may be made to die, so that tests can kill it at every step and look what is left.

`SLUICE_CRASH_AT=NAME` or `NAME:N` (the N-th time this process comes there, from 1) ends the process with SIGKILL:
nothing is cleaned up, nobody is told, as when a machine goes away. Without the variable a crash point does nothing.
This is the one setting that is no setting: nobody configures it, so sluice.settings does not know it.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "SLUICE_CRASH_AT"
POINTS = {
    "register.begun": "the ledger knows that registering began; the catalog knows nothing",
    "register.database": "the database is there, the table is not",
    "register.created": "the table is there, its tags are not",
    "register.tagged": "catalog and tags are done; the ledger does not know",
    "publish.begun": "the ledger knows that publishing began; nothing is prepared",
    "publish.prepared": "every table's snapshot is written and none is visible",
    "publish.committed": "a table's commit is done, others may follow",
    "publish.visible": "every table's commit is done; the ledger does not know",
    "publish.recorded": "the ledger knows of the publication; nobody has been granted anything",
    "publish.put_back": "a table was put back because another one vanished",
    "grant.begun": "approvals were read again; nothing is granted",
    "grant.granted": "a grant is given; the ledger does not know",
    "grant.recorded": "a grant is given and on record, others may follow",
    "revoke.revoked": "a grant is taken away; the ledger does not know",
    "refresh.landed": "what is new is landed and on record; nothing is visible",
    "refresh.begun": "a refresh is checked and about to commit; nothing is visible",
    "refresh.committed": "a table of a refresh is visible, others may follow; the ledger does not know",
    "adopt.committed": "a table of an approved change is visible, others may follow; the ledger does not know",
    "upkeep.compacting": "a table's small files are put together in a file that nobody sees yet",
    "upkeep.compacted": "the put-together file is visible; the ledger does not know",
    "offboard.told": "consumers are told; everything else is as it was",
    "offboard.revoked": "grants are taken away; the ledger does not know that all of them are",
    "offboard.unpublished": "a table left the catalog, others may follow",
    "offboard.listed": "what will be destroyed is listed with its digests; nothing is gone",
    "offboard.deleting": "an object is deleted, others may follow",
    "restore.begun": "the source is blocked; what is visible is still bad",
    "restore.put_back": "a table shows its last good snapshot, others may follow; no incident is open",
}
"""Every crash point and what is true there. Whoever adds a step adds its name here: the sweeps go through this."""

_seen: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Die here when the environment says so. Raises KeyError for a name that POINTS does not have."""
    POINTS[name]
    wanted, _, nth = os.environ.get(VARIABLE, "").partition(":")
    if wanted != name:
        return
    _seen[name] += 1
    if _seen[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
