"""Letters that were delivered long ago are let go: through a function, so that the application may delete nothing else."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE INDEX outbox_settled_letters ON sluice.outbox (settled_at)
        WHERE state IN ('delivered', 'dropped') AND split_part(kind, '.', 1) IN ('send', 'lineage')
    """)
    op.execute("""
        CREATE FUNCTION sluice.prune_outbox(before timestamptz, most integer) RETURNS integer
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
            WITH old AS (
                SELECT seq FROM sluice.outbox
                WHERE state IN ('delivered', 'dropped') AND split_part(kind, '.', 1) IN ('send', 'lineage')
                AND settled_at < least(before, now() - interval '30 days')
                ORDER BY settled_at LIMIT most FOR UPDATE SKIP LOCKED
            ), gone AS (
                DELETE FROM sluice.outbox AS o USING old WHERE o.seq = old.seq RETURNING 1
            ) SELECT count(*)::integer FROM gone
        $$
    """)
    op.execute("REVOKE ALL ON FUNCTION sluice.prune_outbox FROM PUBLIC")


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
