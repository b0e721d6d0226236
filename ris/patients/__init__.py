"""Patients: one row per person and institution."""
