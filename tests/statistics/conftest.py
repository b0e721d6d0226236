"""The furnished house of the mart's tests, and one with a front for the browser."""

from tests.mart.conftest import furnished

__all__ = ["furnished"]
