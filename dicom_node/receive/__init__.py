"""DIMSE services: associations, the fast receive lane, C-ECHO, C-STORE, C-FIND."""
