"""The ledger in PostgreSQL: SQLAlchemy for the tables, Alembic for their history."""

from sluice.adapters.ledger.store import PostgresLedger, forget_connections, migrate, schema_is_current

__all__ = ["PostgresLedger", "forget_connections", "migrate", "schema_is_current"]
