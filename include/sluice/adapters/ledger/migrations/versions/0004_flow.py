"""What the flow keeps: why a stage is paused, where a request's history comes from, frozen baselines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.add_column("stage_event", sa.Column("reason_code", sa.String(64)), schema=S)
    op.add_column("request", sa.Column("origin", sa.String(32), nullable=False, server_default="live"), schema=S)
    op.create_table(
        "baseline",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("obtained", sa.String(32), nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("first", sa.DateTime(timezone=True)),
        sa.Column("last", sa.DateTime(timezone=True)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(250), nullable=False),
        sa.Column("cases", JSONB, nullable=False),
        sa.Column("claimed_seconds", sa.Float),
        schema=S,
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sluice.baseline "
        "FOR EACH STATEMENT EXECUTE FUNCTION sluice.append_only()"
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
