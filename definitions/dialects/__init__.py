"""One reader for each YAML dialect, all giving the same model."""

from stretto.definitions.dialects.native import read_workflow

__all__ = ["read_workflow"]
