"""What a daemon is told from outside: a file, the environment, flags.

    /etc/stretto/stretto.yaml < STRETTO__SECTION__KEY < --flag
              '------------------> read_settings <--------'  -->  Effective: Settings, and where each value came from

A value that is wrong is told with its file and line, its variable or its flag, with what was found and what was
expected, all of them at once; a name that is unknown with the nearest that is known.
"""

from stretto.actors.settings.model import Settings
from stretto.actors.settings.reading import Effective, Flag, InvalidSettings, read_settings

__all__ = ["Effective", "Flag", "InvalidSettings", "Settings", "read_settings"]
