"""The settings of a daemon, from a file, the environment and flags.

    /etc/stretto/stretto.yaml < STRETTO__SECTION__KEY < --flag
              '------------------> read_settings <--------'  -->  Effective: Settings, and the origin of each value

STRETTO_STORE is between the file and STRETTO__ENGINE__STORE.

All wrong values are reported at once. Each error has the file and line, the variable or the flag, the value that was
found, and what is expected. An unknown name comes with the nearest known one.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.settings.carriers import carrier_problem
    from stretto.actors.settings.model import ServeSettings, Settings
    from stretto.actors.settings.pool import (
        BEAT_SECONDS,
        MAX_CACHE_BYTES,
        MAX_POOL_SLOTS,
        MAX_POOL_WORKERS,
        POOL_SLOTS,
        PoolSettings,
    )
    from stretto.actors.settings.reading import STORE_VARIABLE, Effective, Flag, InvalidSettings, read_settings
    from stretto.actors.settings.sensors import (
        MAX_EVENTS_PER_SECOND,
        MAX_LINE_BYTES,
        MAX_LOG_BYTES,
        MAX_SENSOR_PROCESSES,
        MAX_SENSORS,
        STOP_SECONDS,
        SensorSettings,
    )
    from stretto.actors.settings.showing import shown_settings
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "carriers": "carrier_problem",
            "model": "ServeSettings Settings",
            "pool": "BEAT_SECONDS MAX_CACHE_BYTES MAX_POOL_SLOTS MAX_POOL_WORKERS POOL_SLOTS PoolSettings",
            "reading": "STORE_VARIABLE Effective Flag InvalidSettings read_settings",
            "sensors": (
                "MAX_EVENTS_PER_SECOND MAX_LINE_BYTES MAX_LOG_BYTES MAX_SENSORS MAX_SENSOR_PROCESSES STOP_SECONDS "
                "SensorSettings"
            ),
            "showing": "shown_settings",
        },
    )

__all__ = [
    "BEAT_SECONDS",
    "MAX_CACHE_BYTES",
    "MAX_EVENTS_PER_SECOND",
    "MAX_LINE_BYTES",
    "MAX_LOG_BYTES",
    "MAX_POOL_SLOTS",
    "MAX_POOL_WORKERS",
    "MAX_SENSORS",
    "MAX_SENSOR_PROCESSES",
    "POOL_SLOTS",
    "STOP_SECONDS",
    "STORE_VARIABLE",
    "Effective",
    "Flag",
    "InvalidSettings",
    "PoolSettings",
    "SensorSettings",
    "ServeSettings",
    "Settings",
    "carrier_problem",
    "read_settings",
    "shown_settings",
]
