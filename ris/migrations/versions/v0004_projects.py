"""Research projects, their members and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "research_project",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("approval_number", sa.String(length=256), nullable=True),
        sa.Column("approved_by", sa.String(length=256), nullable=True),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("tables", sa.Text(), nullable=False),
        sa.Column("pixels", sa.Boolean(), nullable=False),
        sa.Column("least", sa.Integer(), nullable=False),
        sa.Column("cut_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_research_project"),
    )
    op.create_table(
        "project_member",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["research_project.code"], name="fk_project_member_project_research_project"),
        sa.ForeignKeyConstraint(["username"], ["account.username"], name="fk_project_member_username_account"),
        sa.PrimaryKeyConstraint("project", "username", name="pk_project_member"),
    )
    op.create_index("ix_project_member_username", "project_member", ["username"])
    op.create_table(
        "project_token",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=256), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["research_project.code"], name="fk_project_token_project_research_project"),
        sa.PrimaryKeyConstraint("id", name="pk_project_token"),
        sa.UniqueConstraint("digest", name="uq_project_token_digest"),
    )
    op.create_index("ix_project_token_project", "project_token", ["project"])


def downgrade() -> None:
    """Go down."""
    op.drop_table("project_token")
    op.drop_table("project_member")
    op.drop_table("research_project")
