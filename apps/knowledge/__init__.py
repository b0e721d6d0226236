"""The knowledge desk: the diagnostic knowledge base (R-12)."""
