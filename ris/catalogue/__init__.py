"""The catalogue: institutions and their departments."""
