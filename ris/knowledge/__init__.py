"""The knowledge base beside the report editor (R-12)."""
