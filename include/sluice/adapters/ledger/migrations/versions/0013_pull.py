"""Pull, not push: due dates of requests, and who was let in where."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0014"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.add_column("request", sa.Column("due", sa.Date), schema=S)
    op.create_table(
        "pull",
        sa.Column("request_id", sa.String(100), sa.ForeignKey(f"{S}.request.id"), primary_key=True),
        sa.Column("stage", sa.String(32), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=S,
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
