"""Orders: what a clinician asks for."""
