"""Drawn hands for the tests of the bone-age atlas."""
