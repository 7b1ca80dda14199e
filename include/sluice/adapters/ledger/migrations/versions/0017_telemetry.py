"""Telemetry: what metrics and the pace of pulling count is found without reading the whole event log."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "stage_event_ends", "stage_event", ["event", "stage", "at"], schema="sluice",
        postgresql_where=sa.text("event IN ('returned', 'completed')"),
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
