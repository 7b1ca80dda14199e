"""Alembic's entry: runs the migrations on the engine it is given, one runner at a time."""

import sqlalchemy as sa
from alembic import context

from sluice.adapters.ledger.tables import SCHEMA, metadata

MIGRATION_LOCK = 0x51_0C_E1

with context.config.attributes["engine"].begin() as connection:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
    context.configure(connection=connection, target_metadata=metadata, version_table_schema=SCHEMA)
    context.run_migrations()
