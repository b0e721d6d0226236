"""De-identified tables for researchers: made from the node's published tables, read through `reading`."""
