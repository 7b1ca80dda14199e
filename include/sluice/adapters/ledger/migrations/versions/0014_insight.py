"""The flow pages' read model: one line per request, derived from its events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0006"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.create_table(
        "request_summary",
        sa.Column("request_id", sa.String(100), sa.ForeignKey(f"{S}.request.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False, index=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("use_case", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("requester", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("numbers", sa.LargeBinary, nullable=False),
        sa.Column("asked", JSONB, nullable=False),
        sa.Column("causes", JSONB, nullable=False),
        sa.Column("places", JSONB, nullable=False),
        schema=S,
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
