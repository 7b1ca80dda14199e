"""Lines of the flow pages are numbered as they are written: readers follow that, not the events' own order."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "request_summary", sa.Column("written", sa.BigInteger, nullable=False, server_default="1"), schema="sluice"
    )
    op.drop_index("ix_sluice_request_summary_seq", "request_summary", schema="sluice")
    op.create_index("ix_sluice_request_summary_written", "request_summary", ["written"], schema="sluice")


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
