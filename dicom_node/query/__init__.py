"""Matching by PS3.4 C.2.2.2 over the index; C-FIND and QIDO-RS share it."""
