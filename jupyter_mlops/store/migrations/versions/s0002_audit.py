"""The audit log's table, and what finds the newest records of a kind among a million."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table where it isn't there; it may be, from before a step back."""
    op.create_index("ix_records_kind_id", "records", ["kind", "id"])
    op.create_index("ix_records_kind_name_id", "records", ["kind", "name", "id"])
    if not sa.inspect(op.get_bind()).has_table("audit"):
        _make_audit()
    op.execute("UPDATE schema_version SET version = 2")


def downgrade() -> None:
    """Go back; a log that says anything stays where it is, and goes on when the project comes forward again."""
    if not op.get_bind().scalar(sa.text("SELECT count(*) FROM audit")):
        op.drop_table("audit")
    op.drop_index("ix_records_kind_name_id", "records")
    op.drop_index("ix_records_kind_id", "records")
    op.execute("UPDATE schema_version SET version = 1")


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("hash", name="uq_audit_hash"),
    )
    for column in ("actor", "action", "subject"):
        op.create_index(f"ix_audit_{column}", "audit", [column])
