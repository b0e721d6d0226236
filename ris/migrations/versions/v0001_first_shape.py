"""The first shape of the records, and the triggers that keep audit, feed and report versions append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("audit_entry", "feed", "report_version")


def _forbid_changes() -> None:
    """Refuse UPDATE and DELETE: what was seen, told or signed stays. Other databases than these two get no trigger."""
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME; END $$"
        )
    for table in APPEND_ONLY:
        if dialect == "postgresql":
            op.execute(f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        if dialect == "sqlite":
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_{act.lower()} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'rows of {table} are only added'); END"
                )


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "account",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("preferences", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("username", name="pk_account"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("entry_key", sa.String(length=200), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("username", sa.String(length=256), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("entity_type", sa.String(length=64), nullable=False),
        sa.Column("entity_id", sa.String(length=200), nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=True),
        sa.Column("sid", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
        sa.UniqueConstraint("entry_key", name="uq_audit_entry_entry_key"),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_entity", "audit_entry", ["entity_type", "entity_id"])
    op.create_index("ix_audit_entry_place_id", "audit_entry", ["institution", "id"])
    op.create_index("ix_audit_entry_username_id", "audit_entry", ["username", "id"])

    op.create_table(
        "done_once",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_done_once"),
    )
    op.create_index("ix_done_once_at", "done_once", ["at"])

    op.create_table(
        "feed",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=True),
        sa.Column("entity_type", sa.String(length=64), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_feed"),
    )
    op.create_table(
        "feed_position",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed_position"),
    )
    op.create_table(
        "institution",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("name_en", sa.String(length=256), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_institution"),
    )
    op.create_table(
        "knowledge_entry",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_part", sa.String(length=64), nullable=True),
        sa.Column("modality", sa.String(length=64), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("author_name", sa.String(length=256), nullable=False),
        sa.Column("haystack", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_entry"),
    )
    op.create_table(
        "login_attempt",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("username", name="pk_login_attempt"),
    )
    op.create_index("ix_login_attempt_last_at", "login_attempt", ["last_at"])

    op.create_table(
        "number_series",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_number_series"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=True),
        sa.Column("entity_type", sa.String(length=64), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_table(
        "report_template",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("modality", sa.String(length=64), nullable=True),
        sa.Column("body_part", sa.String(length=64), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("impression", sa.Text(), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("haystack", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_report_template"),
    )
    op.create_index("ix_report_template_author", "report_template", ["author"])

    op.create_table(
        "assignment",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_assignment_institution"),
        sa.ForeignKeyConstraint(["username"], ["account.username"], name="fk_assignment_username"),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.UniqueConstraint("username", "role", "institution", name="uq_assignment_username_role_institution"),
    )
    op.create_index("ix_assignment_institution", "assignment", ["institution"])
    op.create_index("ix_assignment_username", "assignment", ["username"])

    op.create_table(
        "department",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("name_en", sa.String(length=256), nullable=True),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_department_institution"),
        sa.PrimaryKeyConstraint("id", name="pk_department"),
        sa.UniqueConstraint("institution", "code", name="uq_department_institution_code"),
    )
    op.create_table(
        "knowledge_token",
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("entry", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["knowledge_entry.id"], name="fk_knowledge_token_entry"),
        sa.PrimaryKeyConstraint("token", "entry", name="pk_knowledge_token"),
    )
    op.create_index("ix_knowledge_token_entry", "knowledge_token", ["entry"])

    op.create_table(
        "login_session",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["username"], ["account.username"], name="fk_login_session_username"),
        sa.PrimaryKeyConstraint("sid", name="pk_login_session"),
        sa.UniqueConstraint("refresh_hash", name="uq_login_session_refresh_hash"),
    )
    op.create_index("ix_login_session_username", "login_session", ["username"])

    op.create_table(
        "patient",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=256), nullable=True),
        sa.Column("id_key", sa.String(length=256), nullable=True),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("name_key", sa.String(length=256), nullable=False),
        sa.Column("pinyin", sa.String(length=512), nullable=True),
        sa.Column("sex", sa.String(length=1), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("phone", sa.String(length=64), nullable=True),
        sa.Column("guardian", sa.String(length=256), nullable=True),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("haystack", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_patient_institution"),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
        sa.UniqueConstraint("institution", "id_key", name="uq_patient_institution_id_key"),
    )
    op.create_index("ix_patient_name", "patient", ["institution", "name_key"])

    op.create_table(
        "report",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("impression", sa.Text(), nullable=True),
        sa.Column("positive", sa.Boolean(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("author_name", sa.String(length=256), nullable=False),
        sa.Column("reviewer", sa.String(length=64), nullable=True),
        sa.Column("reviewer_name", sa.String(length=256), nullable=True),
        sa.Column("review_level", sa.Integer(), nullable=False),
        sa.Column("signed_number", sa.Integer(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.DateTime(), nullable=True),
        sa.Column("state_times", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_report_institution"),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
    )
    op.create_table(
        "study",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("images_seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("accession_key", sa.String(length=256), nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_study_institution"),
        sa.PrimaryKeyConstraint("study_uid", name="pk_study"),
    )
    op.create_index("ix_study_accession", "study", ["institution", "accession_key"])

    op.create_table(
        "exam_order",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("patient", BIG_ID, nullable=False),
        sa.Column("placer_number", sa.String(length=256), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("complex", sa.Boolean(), nullable=False),
        sa.Column("department", sa.String(length=256), nullable=True),
        sa.Column("clinician", sa.String(length=256), nullable=True),
        sa.Column("history", sa.Text(), nullable=True),
        sa.Column("diagnosis", sa.Text(), nullable=True),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("allergy", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_exam_order_institution"),
        sa.ForeignKeyConstraint(["patient"], ["patient.id"], name="fk_exam_order_patient"),
        sa.PrimaryKeyConstraint("id", name="pk_exam_order"),
    )
    op.create_index("ix_exam_order_patient", "exam_order", ["patient"])
    op.create_index("ix_exam_order_place_id", "exam_order", ["institution", "id"])

    op.create_table(
        "patient_token",
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("patient", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.id"], name="fk_patient_token_patient"),
        sa.PrimaryKeyConstraint("token", "patient", name="pk_patient_token"),
    )
    op.create_index("ix_patient_token_patient", "patient_token", ["patient"])

    op.create_table(
        "report_version",
        sa.Column("report", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("impression", sa.Text(), nullable=True),
        sa.Column("positive", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["report"], ["report.id"], name="fk_report_version_report"),
        sa.PrimaryKeyConstraint("report", "number", name="pk_report_version"),
    )
    op.create_index("ix_report_version_reason", "report_version", ["action", "at"])

    op.create_table(
        "exam",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("patient", BIG_ID, nullable=False),
        sa.Column("order_id", BIG_ID, nullable=True),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("accession", sa.String(length=256), nullable=True),
        sa.Column("accession_key", sa.String(length=256), nullable=True),
        sa.Column("modality", sa.String(length=64), nullable=True),
        sa.Column("description", sa.String(length=256), nullable=True),
        sa.Column("body_part", sa.String(length=256), nullable=True),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("complex", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("unscheduled_code", sa.String(length=64), nullable=True),
        sa.Column("technician_message", sa.Text(), nullable=True),
        sa.Column("state_times", sa.Text(), nullable=False),
        sa.Column("ordered_at", sa.DateTime(), nullable=True),
        sa.Column("performed_at", sa.DateTime(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["institution"], ["institution.code"], name="fk_exam_institution"),
        sa.ForeignKeyConstraint(["order_id"], ["exam_order.id"], name="fk_exam_order_id"),
        sa.ForeignKeyConstraint(["patient"], ["patient.id"], name="fk_exam_patient"),
        sa.PrimaryKeyConstraint("id", name="pk_exam"),
        sa.UniqueConstraint("institution", "accession_key", name="uq_exam_institution_accession_key"),
    )
    op.create_index("ix_exam_order_id", "exam", ["order_id"])
    op.create_index("ix_exam_patient", "exam", ["patient"])
    op.create_index("ix_exam_place_id", "exam", ["institution", "id"])

    op.create_table(
        "exam_study",
        sa.Column("exam", BIG_ID, nullable=False),
        sa.Column("study", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exam.id"], name="fk_exam_study_exam"),
        sa.ForeignKeyConstraint(["study"], ["study.study_uid"], name="fk_exam_study_study"),
        sa.PrimaryKeyConstraint("exam", "study", name="pk_exam_study"),
    )
    op.create_index("ix_exam_study_study", "exam_study", ["study"])

    op.create_table(
        "exam_token",
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("exam", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exam.id"], name="fk_exam_token_exam"),
        sa.PrimaryKeyConstraint("token", "exam", name="pk_exam_token"),
    )
    op.create_index("ix_exam_token_exam", "exam_token", ["exam"])

    op.create_table(
        "report_exam",
        sa.Column("report", BIG_ID, nullable=False),
        sa.Column("exam", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exam.id"], name="fk_report_exam_exam"),
        sa.ForeignKeyConstraint(["report"], ["report.id"], name="fk_report_exam_report"),
        sa.PrimaryKeyConstraint("report", "exam", name="pk_report_exam"),
    )
    op.create_index("ix_report_exam_exam", "report_exam", ["exam"])

    op.create_table(
        "worklist_row",
        sa.Column("exam", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("institution", sa.String(length=64), nullable=False),
        sa.Column("patient", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("stat", sa.Boolean(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("modality", sa.String(length=64), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=True),
        sa.Column("reviewer", sa.String(length=64), nullable=True),
        sa.Column("sort_rank", sa.Integer(), nullable=False),
        sa.Column("sort_at", sa.Float(precision=53), nullable=False),
        sa.Column("haystack", sa.Text(), nullable=False),
        sa.Column("row_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exam.id"], name="fk_worklist_row_exam"),
        sa.PrimaryKeyConstraint("exam", name="pk_worklist_row"),
    )
    op.create_index("ix_worklist_row_author", "worklist_row", ["author", "stage"])
    op.create_index("ix_worklist_row_count", "worklist_row", ["institution", "stage", "stat", "scheduled"])
    op.create_index("ix_worklist_row_order", "worklist_row", ["sort_rank", "sort_at", "exam"])
    op.create_index("ix_worklist_row_patient", "worklist_row", ["patient"])
    op.create_index("ix_worklist_row_place", "worklist_row", ["institution", "sort_rank", "sort_at", "exam"])
    op.create_index("ix_worklist_row_reviewer", "worklist_row", ["reviewer", "stage"])
    op.create_index("ix_worklist_row_stage", "worklist_row", ["stage", "sort_rank", "sort_at", "exam"])

    op.execute("INSERT INTO feed_position (id, last) VALUES (1, 0)")
    _forbid_changes()


def downgrade() -> None:
    """Go down."""
    op.drop_index("ix_worklist_row_stage", "worklist_row")
    op.drop_index("ix_worklist_row_reviewer", "worklist_row")
    op.drop_index("ix_worklist_row_place", "worklist_row")
    op.drop_index("ix_worklist_row_patient", "worklist_row")
    op.drop_index("ix_worklist_row_order", "worklist_row")
    op.drop_index("ix_worklist_row_count", "worklist_row")
    op.drop_index("ix_worklist_row_author", "worklist_row")

    op.drop_table("worklist_row")
    op.drop_index("ix_report_exam_exam", "report_exam")

    op.drop_table("report_exam")
    op.drop_index("ix_exam_token_exam", "exam_token")

    op.drop_table("exam_token")
    op.drop_index("ix_exam_study_study", "exam_study")

    op.drop_table("exam_study")
    op.drop_index("ix_exam_place_id", "exam")
    op.drop_index("ix_exam_patient", "exam")
    op.drop_index("ix_exam_order_id", "exam")

    op.drop_table("exam")
    op.drop_index("ix_report_version_reason", "report_version")

    op.drop_table("report_version")
    op.drop_index("ix_patient_token_patient", "patient_token")

    op.drop_table("patient_token")
    op.drop_index("ix_exam_order_place_id", "exam_order")
    op.drop_index("ix_exam_order_patient", "exam_order")

    op.drop_table("exam_order")
    op.drop_index("ix_study_accession", "study")

    op.drop_table("study")
    op.drop_table("report")
    op.drop_index("ix_patient_name", "patient")

    op.drop_table("patient")
    op.drop_index("ix_login_session_username", "login_session")

    op.drop_table("login_session")
    op.drop_index("ix_knowledge_token_entry", "knowledge_token")

    op.drop_table("knowledge_token")
    op.drop_table("department")
    op.drop_index("ix_assignment_username", "assignment")
    op.drop_index("ix_assignment_institution", "assignment")

    op.drop_table("assignment")
    op.drop_index("ix_report_template_author", "report_template")

    op.drop_table("report_template")
    op.drop_table("outbox")
    op.drop_table("number_series")
    op.drop_index("ix_login_attempt_last_at", "login_attempt")

    op.drop_table("login_attempt")
    op.drop_table("knowledge_entry")
    op.drop_table("institution")
    op.drop_table("feed_position")
    op.drop_table("feed")
    op.drop_index("ix_done_once_at", "done_once")

    op.drop_table("done_once")
    op.drop_index("ix_audit_entry_username_id", "audit_entry")
    op.drop_index("ix_audit_entry_place_id", "audit_entry")
    op.drop_index("ix_audit_entry_entity", "audit_entry")
    op.drop_index("ix_audit_entry_at", "audit_entry")

    op.drop_table("audit_entry")
    op.drop_table("account")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
