"""The outbox: what people and other systems must be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("lane", sa.String(100), nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("holder", sa.String(100)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        schema=S,
    )
    op.create_index(
        "outbox_pending", "outbox", ["lane", "due"], schema=S, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_table(
        "outbox_cursor",
        sa.Column("reader", sa.String(100), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        schema=S,
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
