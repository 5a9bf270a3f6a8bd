"""The deletion of one run, as a store is asked for it."""

import msgspec

from stretto.actors.journal.audit import AuditEntries
from stretto.definitions.errors import StrettoError


class DeleteRun(msgspec.Struct, frozen=True):
    """The run to delete, with the runs below it. `audit` is written in the commit with which they are gone."""

    run_id: str
    audit: AuditEntries = ()


class RunNeeded(StrettoError):
    """A run cannot be deleted: it has not ended, or a run in progress depends on it."""

    code = "run_needed"
