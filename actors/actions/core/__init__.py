"""The core actions, registered when this package is imported: `core.*`, and those of Orquesta's definitions."""

from stretto.actors.actions.core import basic, http, local, stackstorm

__all__ = ["basic", "http", "local", "stackstorm"]
