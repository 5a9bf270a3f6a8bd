"""The answers to who sends a record that is not written: an earlier event has its key, or no store can take it."""

from stretto.actors.journal.events import Accepted, EventAccepted, MatchFailed
from stretto.actors.journal.messages import Record
from stretto.actors.journal.records import EngineDrains
from stretto.actors.journal.schedules import ScheduleMoved
from stretto.actors.journal.store import AlreadyAccepted, Unrecordable
from stretto.metrics import get_logger

_log = get_logger("stretto.journal")


def answer_duplicate(record: Record, earlier: AlreadyAccepted) -> bool:
    """Answer with the first event that has the key of this one. Return False if the record is not of an event."""
    if not isinstance(record.write, EventAccepted):
        return False
    for answer, _value in record.answers:
        answer.resolve(Accepted(earlier.existing, duplicate=True))
    return True


def answer_unrecordable(record: Record, reason: str) -> bool:
    """Answer that an event or a drain can never be written. Return False if the record is about neither."""
    if not isinstance(record.write, EventAccepted | MatchFailed | ScheduleMoved | EngineDrains):
        return False
    if not isinstance(record.write, EngineDrains):
        _log.error("event_unrecordable", reason=reason)
    for answer, _value in record.answers:
        answer.fail(Unrecordable(reason))
    return True
