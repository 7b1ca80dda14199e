"""What became visible in which order, and who was granted what: both append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.create_table(
        "publication",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.String(100), sa.ForeignKey(f"{S}.request.id"), nullable=False),
        sa.Column("identifier", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("snapshot_id", sa.BigInteger),
        sa.Column("base", sa.BigInteger),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        schema=S,
    )
    op.create_index("ix_sluice_publication_request_id", "publication", ["request_id"], schema=S)
    op.create_table(
        "access_grant",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("identifier", sa.String(255), nullable=False),
        sa.Column("principal", sa.String(255), nullable=False),
        sa.Column("role", sa.String(255), nullable=False),
        sa.Column("permissions", JSONB, nullable=False),
        sa.Column("columns", JSONB),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("request_id", sa.String(100), sa.ForeignKey(f"{S}.request.id")),
        sa.Column("actor", sa.String(250), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=S,
    )
    op.create_index("ix_sluice_access_grant_source", "access_grant", ["source"], schema=S)


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
