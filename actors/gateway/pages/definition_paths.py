"""The addresses of definitions, whose refs may have slashes."""

from typing import Final
from urllib.parse import quote

DEFINITIONS_PATH: Final = "/definitions"
START: Final = "/start"
"""The end of the address of the form that starts a run, and maybe of a ref."""
SHOWN: Final = "definition"
"""The value of `show` in the address of a definition that would be that of a form otherwise."""


def definition_url(ref: str) -> str:
    """Return the address of a definition."""
    return f"{DEFINITIONS_PATH}/{quote(ref)}" + (f"?show={SHOWN}" if ref.endswith(START) else "")
