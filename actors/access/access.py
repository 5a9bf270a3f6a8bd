"""Who may use the daemon: the one object that authenticates callers, and makes and revokes tokens.

    token, session --> Access --> Caller         from memory, without waiting
    create, revoke, enter --> Access --> Keeper  with the audit in the same commit; a future

A change counts in memory once it is durable, but for a revocation, which counts at once.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

import msgspec

from stretto.actors.access.callers import Caller, caller_of_record, caller_with_token, require_unrestricted
from stretto.actors.access.errors import TokenExists, Unauthenticated, UnknownToken
from stretto.actors.access.held import Held
from stretto.actors.access.keeping import Keeper, then
from stretto.actors.access.made import Created, EnterCode
from stretto.actors.access.rereading import Rereading
from stretto.actors.access.roles import Role
from stretto.actors.access.session_records import NewSession, new_session
from stretto.actors.access.sessions import CODE_SECONDS, new_secret
from stretto.actors.access.shared_keeping import SharedJournalKeeper
from stretto.actors.access.token_rules import check_token
from stretto.actors.access.tokens import digest_of, id_of, new_token
from stretto.actors.access.uses import Uses
from stretto.actors.journal import (
    AddEnterCode,
    AddSession,
    AddToken,
    EndSession,
    Enter,
    EnterCodeRecord,
    RevokeToken,
    SessionRecord,
    TokenRecord,
)
from stretto.definitions.errors import LimitExceeded, names_there

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_TOKENS: Final = 10_000
"""Tokens that are not revoked."""


class Access:
    """Tokens, sessions and enter codes. Thread-safe.

    Attributes:
        is_shared: Whether other engines make and end tokens and sessions, too: then `awaited` comes first.
    """

    def __init__(self, keeper: Keeper, now: Callable[[], float] = time.time) -> None:
        """Load what is kept, which may wait for a disk.

        Args:
            keeper: Where tokens, sessions and codes are kept.
            now: Returns the seconds since the epoch.

        Raises:
            CannotUseTokensFile, StoreUnavailable: It cannot be loaded.
        """
        self._keeper = keeper
        self._now = now
        self._held = Held(keeper.load())
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], object]] = []
        self._rereading: Rereading | None = None
        if isinstance(keeper, SharedJournalKeeper):
            self._rereading = Rereading(self._held, self._lock, keeper, now, self._tell_listeners)
        self._uses = Uses(self._held, keeper, self._rereading)
        self.is_shared = self._rereading is not None

    def close(self) -> None:
        """End all threads of the keeper; idempotent."""
        self._keeper.close()

    # ---- authentication

    def awaited(
        self, *, token: str | None = None, session: str | None = None, code: str | None = None
    ) -> "Future[None] | None":
        """Return a future that a request with this token, session or code must wait for, or None.

        Only with a shared store: another engine may have made it, or ended it. The future becomes None, also if the
        store cannot be read.
        """
        return None if self._rereading is None else self._rereading.wait_for(token, session, code)

    def caller_of_token(self, token: str, *, source: str, via: str = "api") -> Caller:
        """Return the caller who has a token.

        Args:
            token: The token, as the client sent it.
            source: The client's address.
            via: How the request comes.

        Raises:
            Unauthenticated: The token is malformed, unknown, expired or revoked.
            CannotUseTokensFile: The file of tokens has changed and cannot be used.
        """
        token_id, digest, now = id_of(token), digest_of(token), self._now()
        with self._lock:
            self.refresh()
            known = self._held.tokens.get(token_id)
            # Only who has the secret learns what became of the token.
            if known is None or not compare_digest(known.digest, digest):
                raise Unauthenticated("unknown")
            known = self._held.check_token(token_id, now)
            self._uses.of_token(known, now)
        return caller_with_token(known, via, source)

    def caller_of_session(self, session: str, *, source: str) -> Caller:
        """Return the caller who has a session.

        Args:
            session: The session's secret, as the browser sent it.
            source: The browser's address.

        Raises:
            Unauthenticated: The session is unknown or over, or its token is expired or revoked.
            CannotUseTokensFile: As of `caller_of_token`.
        """
        digest, now = digest_of(session), self._now()
        with self._lock:
            self.refresh()
            found = self._held.check_session(digest, now)
            self._uses.of_session(found, now)
        return caller_of_record(found, source, digest)

    def is_valid(self, caller: Caller) -> bool:
        """Return whether a caller is still authenticated, which is a use of its session. The owner always is."""
        now = self._now()
        with self._lock, suppress(Unauthenticated):
            self.refresh()
            if caller.token is not None:
                self._held.check_token(caller.token, now)
            if caller.session is not None:
                self._uses.of_session(self._held.check_session(caller.session, now), now)
            return True
        return False

    def expires_at(self, caller: Caller) -> float | None:
        """Return when a caller's session ends without further use, or its token expires, or None if neither does."""
        with self._lock:
            return self._held.expires_at(caller.token, caller.session)

    def on_end(self, listener: Callable[[], object]) -> None:
        """Call a function whenever a token or session ends on request: streams then ask `is_valid`.

        Args:
            listener: Called on any thread. It must return at once.
        """
        with self._lock:
            self._listeners.append(listener)

    def refresh(self) -> None:
        """Take over changes of a file by others, or begin a read of a shared store. Raises `CannotUseTokensFile`."""
        if self._rereading is not None:
            self._rereading.keep_up()
            return
        with self._lock:
            if (changed := self._keeper.changed_tokens()) is None:
                return
            self._held.replace_tokens(changed)
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    # ---- tokens

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first, also revoked and expired ones. Raises `CannotUseTokensFile`."""
        with self._lock:
            self.refresh()
            return sorted(self._held.tokens.values(), key=lambda token: token.made_at)

    def create_token(  # noqa: PLR0913 - keywords, each independent
        self,
        name: str,
        role: Role,
        *,
        by: Caller,
        lasts: float | None = None,
        workflows: tuple[str, ...] | None = None,
        note: str | None = None,
    ) -> "Future[Created]":
        """Make a token.

        Args:
            name: Its name, which no other valid token has.
            role: What it may do.
            by: Who makes it: an administrator.
            lasts: The seconds until it expires. None is no limit.
            workflows: The refs of the workflows that it is restricted to.
            note: What the caller says about it, for the audit.

        Returns:
            The token, once it is durable. The future raises `TokenExists`, and `NoTokens`, `CannotUseTokensFile` or
            errors of the store.

        Raises:
            Forbidden: The caller is no administrator, or restricted to workflows.
            InvalidToken, TokenExists: There can be no such token.
            LimitExceeded: There are too many tokens.
        """
        require_unrestricted(by, "admin")
        check_token(name, role, lasts, workflows)
        now = self._now()
        token_id, text = new_token()
        record = TokenRecord(
            id=token_id, name=name, role=role, digest=digest_of(text), made_at=now, made_by=by.who,
            expires_at=None if lasts is None else now + lasts, workflows=workflows,
        )  # fmt: skip
        with self._lock:
            self.refresh()
            if self._held.named(name) is not None:
                raise _exists(name)
            if sum(token.revoked_at is None for token in self._held.tokens.values()) >= MAX_TOKENS:
                raise LimitExceeded(f"there are {MAX_TOKENS:,} tokens already (MAX_TOKENS): revoke some first")
        kept = self._keeper.apply(AddToken(record), by.asks(note).asks("create_token", name, now, f"{role} {token_id}"))

        def made(added: bool) -> Created:  # noqa: FBT001 - the keeper's answer
            if not added:
                raise _exists(name)
            with self._lock:
                self._held.tokens[token_id] = record
            return Created(text, record)

        return then(kept, made)

    def revoke_token(self, name: str, *, by: Caller, note: str | None = None) -> "Future[TokenRecord]":
        """Revoke a token, and end its sessions and codes. It is refused from now on.

        Args:
            name: Its name or id.
            by: Who revokes it: an administrator.
            note: What the caller says about it, for the audit.

        Returns:
            The token, once the revocation is durable. The future raises `UnknownToken` and errors of the store or file.

        Raises:
            Forbidden: The caller is no administrator, or restricted to workflows.
            UnknownToken: There is no such token, or it is revoked.
        """
        require_unrestricted(by, "admin")
        now = self._now()
        with self._lock:
            self.refresh()
            token = self._held.named(name)
            if token is None:
                live = (each.name for each in self._held.tokens.values() if each.revoked_at is None)
                raise UnknownToken(f"there is no token {name!r} to revoke; {names_there(live) or 'there is none'}")
            revoked = msgspec.structs.replace(token, revoked_at=now)
            self._held.revoke(revoked)
        kept = self._keeper.apply(
            RevokeToken(token.id, now), by.asks(note).asks("revoke_token", token.name, now, f"{token.role} {token.id}")
        )
        self._tell_listeners()

        def done(ended: bool) -> TokenRecord:  # noqa: FBT001 - the keeper's answer
            self._held.revoking.pop(token.id, None)
            if not ended:
                raise UnknownToken(f"there is no token {name!r} to revoke: it is revoked")
            return revoked

        def failed() -> None:
            with self._lock:  # it can be revoked again, and is valid until then
                self._held.unrevoke(token)

        return then(kept, done, failed)

    # ---- sessions

    def new_enter_code(self, caller: Caller) -> "Future[EnterCode]":
        """Return a code, once it is durable, that begins one session of the caller within a minute."""
        code, now = new_secret(), self._now()
        record = EnterCodeRecord(
            digest=digest_of(code), who=caller.who, role=caller.role, origin=caller.origin, workflows=caller.workflows,
            token=caller.token, expires_at=now + CODE_SECONDS,
        )  # fmt: skip

        def added(_added: bool) -> EnterCode:  # noqa: FBT001 - the keeper's answer
            with self._lock:
                self._held.add_code(record, now)
            return EnterCode(code, record.expires_at)

        return then(self._keeper.apply(AddEnterCode(record, now)), added)

    def enter(self, code: str) -> "Future[str]":
        """Use up an enter code, and return the secret of the session that it begins, once that is durable.

        Raises:
            Unauthenticated: The code is unknown, used or expired. The future raises it, too.
        """
        digest, now = digest_of(code), self._now()
        with self._lock:
            self.refresh()
            used = self._held.take_code(digest, now)
            secret, session = self._new_session(caller_of_record(used), now)

        def entered(valid: bool) -> str:  # noqa: FBT001 - the keeper's answer
            if not valid:
                raise Unauthenticated("unknown")
            self._add_session(session)
            return secret

        return then(self._keeper.apply(Enter(digest, session)), entered)

    def begin_session(self, caller: Caller) -> "Future[str]":
        """Return the secret of a new session with the rights of a caller, once it is durable."""
        with self._lock:
            secret, session = self._new_session(caller, self._now())

        def added(_added: bool) -> str:  # noqa: FBT001 - the keeper's answer
            self._add_session(session)
            return secret

        return then(self._keeper.apply(AddSession(session)), added)

    def end_session(self, session: str) -> "Future[None]":
        """End a session, if there is such a one."""
        digest = digest_of(session)
        with self._lock:
            self._held.sessions.pop(digest, None)
        kept = self._keeper.apply(EndSession(digest))
        self._tell_listeners()
        return then(kept, lambda _ended: None)

    def _new_session(self, caller: Caller, now: float) -> NewSession:
        """Return a session, which ends with the caller's token at the latest."""
        token = None if caller.token is None else self._held.tokens.get(caller.token)
        return new_session(caller, now, None if token is None else token.expires_at)

    def _add_session(self, session: SessionRecord) -> None:
        with self._lock:
            ended = self._held.add_session(session, session.made_at)
            if self._rereading is not None:
                self._rereading.note_new(session.digest)
                return  # another engine may know a later use of those
        for digest in ended:
            self._keeper.apply(EndSession(digest))


def _exists(name: str) -> TokenExists:
    return TokenExists(f"there is a token {name!r} already: revoke it first, or choose another name")
