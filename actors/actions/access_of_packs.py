"""Access of packs' processes to keys, files and memory. An engine sets it for the loop that runs them."""

import asyncio
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from stretto.actors.actions.process_user import ProcessUser
from stretto.definitions.data import FrozenDict

MAX_PROCESS_BYTES: Final = 1024 * 1024 * 1024
"""The memory of a pack's process, unless the engine has another setting."""


class GrantedKey(NamedTuple):
    """A key that a pack can read.

    Attributes:
        value: Its value, clear.
        secret: Whether it is encrypted in the store.
        set_at: When it was set, in seconds since the epoch.
    """

    value: Any
    secret: bool
    set_at: float


class PackKeys(Protocol):
    """The keys of all packs."""

    def has_any(self, pack: str) -> bool:
        """Return whether a pack has keys."""

    def find(self, pack: str, name: str) -> GrantedKey | None:
        """Return a pack's key, or None. Raises `StrettoError` if its value cannot be read."""


MAX_MADE_INQUIRIES: Final = 1_000
MAX_INQUIRY_BYTES: Final = 128 * 1024
MOST_INQUIRY_BYTES: Final = 1024 * 1024
"""The bound on `InquiryLimits.max_bytes`: the listener reads no larger request."""


class InquiryLimits(NamedTuple):
    """The limits on what the actions of runs ask people.

    Attributes:
        max_made: The inquiries that the actions of one run make.
        max_bytes: The bytes of a request of an action about an inquiry.
    """

    max_made: int = MAX_MADE_INQUIRIES
    max_bytes: int = MAX_INQUIRY_BYTES


DEFAULT_INQUIRY_LIMITS: Final = InquiryLimits()


class AskingItem(NamedTuple):
    """The item whose action makes an inquiry: the run, the task, its visit, and the index in it."""

    run_id: str
    task: str
    visit: int
    item: int


class ActionInquiries(Protocol):
    """The inquiries of actions. Each method returns an inquiry's report, and may raise `StrettoError`.

    Attributes:
        max_bytes: The bytes of a request at most.
    """

    max_bytes: int

    async def make(self, item: AskingItem, purpose: str, question: FrozenDict) -> dict[str, Any]:
        """Ask people, unless an attempt of the item has done so before. `question` is the input of `core.ask`."""

    async def report(self, item: AskingItem, number: int) -> dict[str, Any]:
        """Return an inquiry of the item's run."""

    async def cancel(self, item: AskingItem, number: int) -> dict[str, Any]:
        """Cancel an inquiry that the item has made."""


asking_item: ContextVar[AskingItem | None] = ContextVar("stretto_asking_item", default=None)
"""The item of the call that runs, if its action can make inquiries."""


class PackAccess(NamedTuple):
    """The keys and files that processes of packs can reach.

    Attributes:
        keys: The keys of all packs.
        artifacts: The folder of files that actions leave for others, or None.
        user: The user as whom the processes run, or None for the daemon's own.
        max_process_bytes: The most memory that a process may take.
        inquiries: The inquiries that actions make, or None.
    """

    keys: PackKeys
    artifacts: str | None = None
    user: ProcessUser | None = None
    max_process_bytes: int = MAX_PROCESS_BYTES
    inquiries: ActionInquiries | None = None


_access: WeakKeyDictionary[asyncio.AbstractEventLoop, PackAccess] = WeakKeyDictionary()


def use_pack_access(loop: asyncio.AbstractEventLoop, access: PackAccess) -> None:
    """Set the keys and files for the processes of a loop."""
    _access[loop] = access


def max_process_bytes() -> int:
    """Return the most memory that a process of a pack may take in the running loop."""
    access = pack_access()
    return MAX_PROCESS_BYTES if access is None else access.max_process_bytes


def pack_access() -> PackAccess | None:
    """Return the keys and files for the processes of the running loop, or None."""
    return _access.get(asyncio.get_running_loop())
