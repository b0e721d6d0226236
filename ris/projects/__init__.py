"""Research projects: who may have which de-identified data, for what, on whose approval, until when (H-4, S-7)."""
