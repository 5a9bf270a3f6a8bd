"""How an error of a daemon's or of a store ends a command: what is told, and the exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stretto.actors.cli.support.exit_codes import FAILED, UNREACHABLE, USAGE, give_up
from stretto.actors.gateway import DaemonUnreachable, RequestRefused
from stretto.actors.journal import CannotOpenStore, StoreInUse, StoreLost, StoreUnavailable
from stretto.actors.outcome import RunWasParked
from stretto.definitions.errors import InvalidDefinition, StrettoError

_UNREACHABLE: Final = (DaemonUnreachable, CannotOpenStore, StoreUnavailable, StoreLost, RunWasParked)
_REFUSED_AS_UNREACHABLE: Final = frozenset(
    {
        "busy", "engine_stopped", "engine_stopping", "internal_error", "not_allowed", "run_parked", "store_lost",
        "store_unavailable",
    }
)  # fmt: skip
"""Refusals that say something of the daemon or its store, not of the request."""


@contextmanager
def telling_errors() -> Iterator[None]:
    """End the process, with a line for people, when the block raises an error that Stretto raises on purpose."""
    try:
        yield
    except RequestRefused as error:
        refusal = error.refusal
        if refusal.findings:
            give_up("\n  ".join([refusal.message, *refusal.findings]), FAILED)
        give_up(refusal.message, UNREACHABLE if refusal.code in _REFUSED_AS_UNREACHABLE else USAGE)
    except InvalidDefinition as error:
        give_up("\n  ".join(["the definition cannot be used", *map(str, error.findings)]), FAILED)
    except StoreInUse as error:
        give_up(f"{error}; its daemon does it with --daemon URL in place of --store", UNREACHABLE)
    except StrettoError as error:
        give_up(str(error), code_of(error))


def code_of(error: StrettoError) -> int:
    """Return the exit code that says whose trouble it is: the daemon's or the store's, or a wrong request."""
    return UNREACHABLE if isinstance(error, _UNREACHABLE) else USAGE
