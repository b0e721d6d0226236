"""Figures of speed and size: medians, ratios to peers measured in the same run, honest when we lose."""
