"""All tables of the records, known to SQLAlchemy by importing every concept's model."""

from __future__ import annotations

from ris import feed, idempotency
from ris.access import model as access
from ris.audit import model as audit
from ris.catalogue import model as catalogue
from ris.database import Base
from ris.exams import model as exams
from ris.keyimages import model as keyimages
from ris.knowledge import model as knowledge
from ris.markings import model as markings
from ris.orders import model as orders
from ris.patients import model as patients
from ris.preferences import model as preferences
from ris.projects import model as projects
from ris.reports import model as reports
from ris.templates import model as templates

MODELS = (
    access,
    audit,
    catalogue,
    exams,
    feed,
    idempotency,
    keyimages,
    knowledge,
    markings,
    orders,
    patients,
    preferences,
    projects,
    reports,
    templates,
)
METADATA = Base.metadata

for _table in METADATA.tables.values():
    _table.implicit_returning = False  # portable SQL: ids come from the driver or the sequence, not from RETURNING
