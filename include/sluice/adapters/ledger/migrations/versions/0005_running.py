"""Published sources: refreshes, incidents, costs."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("the ledger is an audit record: it is archived, not downgraded")
