"""Fixtures of the actors' tests."""

from engines import bench, start_bench

__all__ = ["bench", "start_bench"]
