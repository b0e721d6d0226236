"""Preference documents of an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "preference",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("document_key", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["username"], ["account.username"], name="fk_preference_username_account"),
        sa.PrimaryKeyConstraint("username", "document_key", name="pk_preference"),
    )


def downgrade() -> None:
    """Go down."""
    op.drop_table("preference")
