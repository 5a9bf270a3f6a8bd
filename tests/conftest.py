"""Fixtures that several folders use."""

from engines import bench, start_bench
from restoring import restored_logging

__all__ = ["bench", "restored_logging", "start_bench"]
