"""The protocol that reads what starts runs without a person: schedules and sensors."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stretto.actors.journal.schedules import ScheduleReader
    from stretto.actors.journal.sensors import SensorReader


class TriggerReader(Protocol):
    """Reads schedules and sensors."""

    @property
    def schedules(self) -> "ScheduleReader":
        """Reads how far schedules are."""

    @property
    def sensors(self) -> "SensorReader":
        """Reads which engine runs a sensor."""
