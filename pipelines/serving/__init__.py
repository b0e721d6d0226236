"""What every HTTP service of the pipelines shares: its program, the tickets of its callers, its problems in words."""
