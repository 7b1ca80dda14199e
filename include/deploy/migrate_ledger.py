"""Bring the ledger to this version and give the application its rights; as the ledger's owner.

`LEDGER_OWNER_URL` names the database with the owner's log-in. Safe to run again, at every deployment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from sluice.adapters.ledger import migrate

GRANTS = Path(__file__).parent / "postgres" / "ledger-grants.sql"


def main() -> None:
    """Migrate, then grant."""
    url = make_url(os.environ["LEDGER_OWNER_URL"]).set(drivername="postgresql+psycopg")
    migrate(url.render_as_string(hide_password=False))
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute(GRANTS.read_bytes())
    sys.stdout.write(f"The ledger at {url.host}:{url.port}/{url.database} is current; its rights are set.\n")


if __name__ == "__main__":
    main()
