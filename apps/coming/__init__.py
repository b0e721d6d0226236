"""The honest page of a role whose desk is not built yet."""
