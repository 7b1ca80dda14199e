"""Published sources: refreshes, incidents, costs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


S = "sluice"


def upgrade() -> None:
    op.create_table(
        "source_record",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("run", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("table_name", sa.String(255)),
        sa.Column("actor", sa.String(250)),
        sa.Column("digest", sa.String(64)),
        sa.Column("content", JSONB, nullable=False),
        schema=S,
    )
    op.create_index("source_record_of_source", "source_record", ["source", "kind", "seq"], schema=S)
    op.create_index("source_record_of_run", "source_record", ["run"], schema=S)
    op.create_index("source_record_of_kind", "source_record", ["kind", "source", "seq"], schema=S)
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {S}.source_record "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {S}.append_only()"
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
