"""Fixtures of the end-to-end tests."""

from daemons import gate

__all__ = ["gate"]
