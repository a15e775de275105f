"""The tables of the first release: records and what they were made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("ref", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("lookup", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.UniqueConstraint("ref", name="uq_records_ref"),
    )
    op.create_index("ix_records_kind_name_version", "records", ["kind", "name", "version"])
    op.create_index("ix_records_kind_lookup", "records", ["kind", "lookup"])
    op.create_table(
        "record_parents",
        sa.Column("child", sa.String(400), nullable=False),
        sa.Column("parent", sa.String(400), nullable=False),
        sa.PrimaryKeyConstraint("child", "parent", name="pk_record_parents"),
    )
    op.create_index("ix_record_parents_parent", "record_parents", ["parent"])
    op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_schema_version"),
    )
    op.execute("INSERT INTO schema_version (version) VALUES (1)")


def downgrade() -> None:
    """Take them away, with what is in them."""
    for table in ("schema_version", "record_parents", "records"):
        op.drop_table(table)
