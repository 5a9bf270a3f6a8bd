"""Settings without passwords, to be shown."""

import re
from typing import Any

import msgspec

from stretto.actors.settings.model import Settings

_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):.*@")
"""A URL's password, up to the last @: one that was not percent-encoded may contain others."""
_IN_QUERY = re.compile(r"(?i)([?&][^=&]*password=)[^&]*")


def shown_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return all settings by section and name, passwords in URLs hidden."""
    return {
        section: {key: _without_password(value) for key, value in keys.items()}
        for section, keys in msgspec.to_builtins(settings).items()
    }


def _without_password(value: Any) -> Any:
    return _IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", value)) if isinstance(value, str) else value
