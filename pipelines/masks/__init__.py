"""Masks of a CT computed beside the node: bone and table, shown as removed in derived volumes only."""
