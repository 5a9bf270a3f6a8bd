"""The uses of tokens and sessions, which are noted now and then."""

from typing import Final

import msgspec

from stretto.actors.access.held import Held
from stretto.actors.access.keeping import Keeper
from stretto.actors.access.rereading import Rereading
from stretto.actors.access.sessions import USE_PRECISION_SECONDS
from stretto.actors.journal import NoteSessionUse, NoteTokenUse, SessionRecord, TokenRecord

_DAY_SECONDS: Final = 86_400.0


class Uses:
    """Notes uses, also in what is held. Its owner locks it.

    Args:
        held: Everything that is held.
        keeper: Keeps what is noted.
        rereading: Reads sessions in use again, if several engines share the store.
    """

    def __init__(self, held: Held, keeper: Keeper, rereading: Rereading | None) -> None:
        self._held = held
        self._keeper = keeper
        self._rereading = rereading

    def of_session(self, session: SessionRecord, now: float) -> None:
        """Note the last use of a session, once in a while. If that cannot be written, it may end earlier."""
        if self._rereading is not None:
            self._rereading.note_use(session.digest)
        if now - session.used_at >= USE_PRECISION_SECONDS:
            self._keeper.apply(NoteSessionUse(session.digest, now))
            self._held.sessions[session.digest] = msgspec.structs.replace(session, used_at=now)

    def of_token(self, token: TokenRecord, now: float) -> None:
        """Note the day of a use, once a day. If that cannot be written, the day is lost."""
        today = now - now % _DAY_SECONDS
        if token.used_on != today:
            self._held.tokens[token.id] = msgspec.structs.replace(token, used_on=today)
            self._keeper.apply(NoteTokenUse(token.id, today))
