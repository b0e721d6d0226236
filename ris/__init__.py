"""The records: who, what, when, in which state, by whose right. The one truth for accounts, orders, exams, reports, audit."""
