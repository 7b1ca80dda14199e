"""What approvals keep beside the decisions: policies as promised, delegations, and what a decision refers to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.add_column("request", sa.Column("owner", sa.Text, nullable=False, server_default=""), schema=S)
    op.add_column("request", sa.Column("continues", sa.String(100)), schema=S)
    op.add_column("request", sa.Column("renewed_at", sa.DateTime(timezone=True)), schema=S)
    for name, kind in (
        ("carries", sa.BigInteger),
        ("back_to", sa.String(32)),
        ("on_behalf_of", sa.String(250)),
        ("delegation", sa.BigInteger),
        ("policy_digest", sa.String(64)),
    ):
        op.add_column("decision", sa.Column(name, kind), schema=S)
    op.create_table(
        "policy_version",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        schema=S,
    )
    op.create_table(
        "delegation",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("principal", sa.String(250), nullable=False),
        sa.Column("delegate", sa.String(250), nullable=False),
        sa.Column("role", sa.String(100), nullable=False),
        sa.Column("begins", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("groups", JSONB, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        schema=S,
    )
    for table in ("policy_version", "delegation"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {S}.{table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {S}.append_only()"
        )
    op.create_index("evidence_of_gate", "artifact", ["request_id", "stage", "seq"], schema=S)
    op.create_index("published_owners", "request", ["owner"], schema=S, postgresql_where=sa.text("state = 'published'"))
    op.create_index("open_requests", "request", ["state"], schema=S, postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
