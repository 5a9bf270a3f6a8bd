"""The message and exit code with which an error of a daemon or a store ends a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stretto.actors.access import CannotUseTokensFile
from stretto.actors.cli.findings import give_up_with_findings
from stretto.actors.cli.support.exit_codes import FAILED, UNREACHABLE, USAGE, give_up
from stretto.actors.gateway import DaemonUnreachable, RequestRefused
from stretto.actors.journal import CannotOpenStore, StoreInUse, StoreLost, StoreUnavailable
from stretto.actors.outcome import RunWasParked
from stretto.definitions.errors import InvalidDefinition, StrettoError

_UNREACHABLE: Final = (
    DaemonUnreachable,
    CannotOpenStore,
    StoreUnavailable,
    StoreLost,
    RunWasParked,
    CannotUseTokensFile,
)
_DAMAGED: Final = frozenset({"cannot_replay", "unreadable_record"})
"""The codes of damage in a store. Importing the classes would import the database libraries."""
_REFUSED_AS_UNREACHABLE: Final = _DAMAGED | frozenset(
    {
        "busy", "cannot_use_tokens_file", "engine_starting", "engine_stopped", "engine_stopping", "internal_error",
        "no_hook_secret", "not_allowed", "run_parked", "store_lost", "store_unavailable", "stream_interrupted",
        "too_many_logins", "too_many_requests", "too_many_runs", "too_many_streams",
    }
)  # fmt: skip
"""The codes of refusals whose cause is the daemon or its store, not the request."""


@contextmanager
def exiting_on_errors(*, instead: str = "; use --daemon URL instead of --store") -> Iterator[None]:
    """End the process with a message and an exit code if the block raises an error of Stretto.

    Args:
        instead: How the same command does without a store that is in use.
    """
    try:
        yield
    except RequestRefused as error:
        refusal = error.refusal
        if refusal.details:
            give_up_with_findings(refusal.message, refusal.details, FAILED)
        if refusal.findings:  # of a daemon of an earlier version
            give_up("\n  ".join([refusal.message, *refusal.findings]), FAILED)
        give_up(refusal.message, UNREACHABLE if refusal.code in _REFUSED_AS_UNREACHABLE else USAGE)
    except InvalidDefinition as error:
        give_up_with_findings("the definition cannot be used", error.findings, FAILED)
    except StoreInUse as error:
        give_up(f"{error}{instead}", UNREACHABLE)
    except StrettoError as error:
        give_up(str(error), code_of(error))


def code_of(error: StrettoError) -> int:
    """Return the exit code of an error: of an unreachable daemon or store, or of a wrong request."""
    return UNREACHABLE if isinstance(error, _UNREACHABLE) or error.code in _DAMAGED else USAGE
