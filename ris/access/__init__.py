"""Accounts, role assignments, rights, data scope, login sessions, tickets."""
