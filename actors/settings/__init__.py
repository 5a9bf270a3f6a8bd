"""What a daemon is told from outside: a file, the environment, flags.

    /etc/stretto/stretto.yaml < STRETTO__SECTION__KEY < --flag
              '------------------> read_settings <--------'  -->  Effective: Settings, and where each value came from

A value that is wrong is told with its file and line, its variable or its flag, with what was found and what was
expected, all of them at once; a name that is unknown with the nearest that is known.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.settings.model import Settings
    from stretto.actors.settings.reading import Effective, Flag, InvalidSettings, read_settings
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "model": "Settings",
            "reading": "Effective Flag InvalidSettings read_settings",
        },
    )

__all__ = [
    "Effective",
    "Flag",
    "InvalidSettings",
    "Settings",
    "read_settings",
]
