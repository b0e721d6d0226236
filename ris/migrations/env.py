"""Alembic's environment: the connection comes from `ris.migrate`."""

from __future__ import annotations

from alembic import context

from ris.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
