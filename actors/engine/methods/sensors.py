"""The sensors."""

from typing import Any

from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import Requester


class SensorMethods(EngineActor):
    """The sensors."""

    def sensors(self) -> Any:
        """Return the sensors among the definitions.

        Returns:
            [{sensor, status, dialect, pack, events, description, file, pid, started_at, restarts, failures, ended,
            accepted, duplicates, invalid, last_event, last_event_at}], by ref. The status is "running", "waiting" (for
            its restart), "failing" (after three failures in a row), "disabled", "refused" (there are too many),
            "elsewhere" if another engine runs the sensor, or "stopped". `ended` says how its process ended last.
        """
        return self._core.sensors.list()

    def sensor(self, sensor: str) -> Any:
        """Return a sensor.

        Args:
            sensor: Its ref.

        Returns:
            It as `sensors` does.

        Raises:
            UnknownSensor: There is no such sensor.
        """
        return self._core.sensors.show(sensor)

    def sensor_logs(self, sensor: str, count: int = 100) -> Any:
        """Return the newest lines that a sensor has printed, and what the engine has noted about it.

        Args:
            sensor: Its ref.
            count: The most lines to return.

        Returns:
            {sensor, lines, left_out}. A line is {at, stream, text}, the newest one last. `left_out` lines are not kept
            any more.

        Raises:
            UnknownSensor: There is no such sensor.
            SensorElsewhere: Another engine runs it.
            SensorDisabled: Its definition disables it, or there are too many.
        """
        return self._core.sensors.logs(sensor, count)

    def restart_sensor(self, sensor: str, *, by: Requester | None = None) -> Any:
        """End the process of a sensor, and start it anew without a wait.

        Args:
            sensor: Its ref.
            by: As of `submit`.

        Returns:
            The sensor as `sensors` does, as its end begins. If another engine of the store runs it, that one is asked.

        Raises:
            UnknownSensor, SensorDisabled: As `sensor_logs` does.
            SensorElsewhere: No engine runs it yet.
            RequestUnanswered: Another engine runs it, and has not answered.
        """
        return self._core.sensors.restart(sensor, by)
