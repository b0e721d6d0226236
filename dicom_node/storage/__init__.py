"""Copies beside the online folder: volumes, the storage plan, moving, recall, scrub, deletion."""
