"""The administrator's statistics desk."""
