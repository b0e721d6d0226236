"""The audit: who saw or changed what, when, of which institution. Rows are only ever added."""
