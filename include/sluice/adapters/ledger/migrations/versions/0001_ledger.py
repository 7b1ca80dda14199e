"""The ledger: requests, and the append-only clock, decisions and artifacts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

S = "sluice"


def upgrade() -> None:
    op.create_table(
        "request",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("source", sa.String(63), nullable=False, index=True),
        sa.Column("contract_digest", sa.String(64), nullable=False),
        sa.Column("contract_version", sa.String(64), nullable=False),
        sa.Column("contract_text", sa.Text, nullable=False),
        sa.Column("contract_file", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False, unique=True),
        sa.Column("requester", sa.String(250), nullable=False),
        sa.Column("use_case", sa.Text, nullable=False),
        sa.Column("priority", sa.String(32), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("tables", JSONB, nullable=False),
        sa.Column("tier", sa.String(32), nullable=False),
        sa.Column("tier_reasons", JSONB, nullable=False),
        sa.Column("signatures", JSONB, nullable=False),
        sa.Column("policy_digest", sa.String(64), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        schema=S,
    )
    # At most one publication per source and digest, held by the database itself.
    op.create_index(
        "one_live_request", "request", ["source", "contract_digest"], unique=True, schema=S,
        postgresql_where=sa.text("state IN ('open', 'published')"),
    )  # fmt: skip
    op.create_index("one_attempt", "request", ["source", "contract_digest", "attempt"], unique=True, schema=S)
    op.create_table(
        "stage_event",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        _request_id(),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("table_name", sa.String(255)),
        sa.Column("actor", sa.String(250)),
        sa.Column("role", sa.String(100)),
        sa.Column("reason", sa.Text),
        sa.Column("digest", sa.String(64)),
        schema=S,
    )
    op.create_table(
        "decision",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        _request_id(),
        sa.Column("gate", sa.String(32), nullable=False),
        sa.Column("role", sa.String(100), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(250), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("evidence_digest", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        schema=S,
    )
    op.create_table(
        "artifact",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        _request_id(),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("table_name", sa.String(255)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=S,
    )
    op.execute(
        f"""
        CREATE FUNCTION {S}.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table in ("stage_event", "decision", "artifact"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {S}.{table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {S}.append_only()"
        )


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")


def _request_id() -> sa.Column[str]:
    return sa.Column("request_id", sa.String(100), sa.ForeignKey(f"{S}.request.id"), nullable=False, index=True)
