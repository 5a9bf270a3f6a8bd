"""The readers of schedules and sensors in an SQL store."""

from sqlalchemy import Engine

from stretto.actors.journal.sql.schedules import SqlScheduleReader
from stretto.actors.journal.sql.sensors import SqlSensorReader


class SqlTriggerReader:
    """Reads schedules and sensors. Thread-safe. Implements `journal.triggers.TriggerReader`."""

    def __init__(self, engine: Engine, store: str) -> None:
        self.schedules = SqlScheduleReader(engine, store)
        self.sensors = SqlSensorReader(engine, store)
