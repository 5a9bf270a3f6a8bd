"""Tokens, sessions and codes in memory, where every request looks them up."""

from stretto.actors.access.errors import Unauthenticated
from stretto.actors.access.keeping import Kept
from stretto.actors.access.sessions import IDLE_SECONDS, MAX_CODES, has_ended
from stretto.actors.journal import MAX_SESSIONS, EnterCodeRecord, SessionRecord, TokenRecord


class Held:
    """All records by their keys. Its owner locks it.

    Attributes:
        revoking: The revoked tokens whose revocation is not durable yet, by their ids.
    """

    def __init__(self, kept: Kept) -> None:
        self.revoking: dict[str, TokenRecord] = {}
        self.tokens = {token.id: token for token in kept.tokens}
        self.sessions = {session.digest: session for session in kept.sessions}
        self.codes = {code.digest: code for code in kept.codes}

    # ---- tokens

    def named(self, name: str) -> TokenRecord | None:
        """Return the token with a name, or an id, that is not revoked."""
        live = (token for token in self.tokens.values() if token.revoked_at is None)
        return next((token for token in live if name in {token.name, token.id}), None)

    def check_token(self, token_id: str, now: float) -> TokenRecord:
        """Return a token that is valid at a time. Raises `Unauthenticated`."""
        token = self.tokens.get(token_id)
        if token is None:
            raise Unauthenticated("unknown")
        if token.revoked_at is not None:
            raise Unauthenticated("revoked")
        if token.expires_at is not None and now >= token.expires_at:
            raise Unauthenticated("expired")
        return token

    def replace_tokens(self, tokens: tuple[TokenRecord, ...]) -> None:
        """Take the tokens as another process has changed them. Revocations that are not durable yet stay."""
        self.tokens = {token.id: token for token in tokens} | self.revoking

    def take(self, kept: Kept, tokens: frozenset[str] | None, sessions: frozenset[str], now: float) -> bool:
        """Take what was read of a store that others change, too, and return whether something held has ended.

        Args:
            kept: What was read.
            tokens: The ids of the tokens that were asked for, or None for all.
            sessions: The digests of the sessions that were asked for.
            now: The time, in seconds since the epoch.
        """
        read = {token.id: token for token in kept.tokens} | self.revoking
        gone = self.sessions.keys() & (sessions - {each.digest for each in kept.sessions})
        ended = [each for each in self.tokens.values() if each.revoked_at is None and _has_gone(each, read, tokens)]
        self.tokens = read if tokens is None else self.tokens | read
        for digest in gone:
            del self.sessions[digest]
        for session in kept.sessions:
            known = self.sessions.get(session.digest)
            if known is None:
                self.add_session(session, now)
            elif session.used_at > known.used_at:
                self.sessions[session.digest] = session
        for code in kept.codes:
            self.add_code(code, now)
        return bool(gone or ended)

    def revoke(self, revoked: TokenRecord) -> None:
        """Revoke a token, and forget its sessions and codes."""
        self.tokens[revoked.id] = self.revoking[revoked.id] = revoked
        self.forget_token(revoked.id)

    def unrevoke(self, token: TokenRecord) -> None:
        """Take a revocation back that could not be kept."""
        self.revoking.pop(token.id, None)
        self.tokens[token.id] = token

    # ---- sessions and codes

    def check_session(self, digest: str, now: float) -> SessionRecord:
        """Return a session that is valid at a time, as is its token. Raises `Unauthenticated`."""
        session = self.sessions.get(digest)
        if session is None:
            raise Unauthenticated("unknown")
        if session.token is not None:
            self.check_token(session.token, now)
        if has_ended(session, now):
            raise Unauthenticated("expired")
        return session

    def expires_at(self, token_id: str | None, digest: str | None) -> float | None:
        """Return when a session ends without further use, or else when a token expires, or None if neither does."""
        session = None if digest is None else self.sessions.get(digest)
        if session is not None:
            return min(session.ends_at, session.used_at + IDLE_SECONDS)
        token = None if token_id is None else self.tokens.get(token_id)
        return None if token is None else token.expires_at

    def add_session(self, session: SessionRecord, now: float) -> list[str]:
        """Add a session. Return the digests of those that end: those that are over, and one if there are too many."""
        over = [each.digest for each in self.sessions.values() if has_ended(each, now)]
        for digest in over:
            del self.sessions[digest]
        if len(self.sessions) >= MAX_SESSIONS:
            unused = min(self.sessions.values(), key=lambda each: each.used_at).digest
            del self.sessions[unused]
            over.append(unused)
        self.sessions[session.digest] = session
        return over

    def add_code(self, code: EnterCodeRecord, now: float) -> None:
        """Add a code, and forget those that have expired, and the oldest one if there are too many."""
        self.codes = {each.digest: each for each in self.codes.values() if each.expires_at > now}
        if len(self.codes) >= MAX_CODES:
            del self.codes[min(self.codes.values(), key=lambda each: each.expires_at).digest]
        self.codes[code.digest] = code

    def take_code(self, digest: str, now: float) -> EnterCodeRecord:
        """Remove a code that is valid at a time, and return it. Raises `Unauthenticated`."""
        code = self.codes.pop(digest, None)
        if code is None:
            raise Unauthenticated("unknown")
        if code.token is not None:
            self.check_token(code.token, now)
        if now >= code.expires_at:
            raise Unauthenticated("expired")
        return code

    def forget_token(self, token_id: str) -> None:
        """Forget the sessions and codes of a token that was revoked."""
        self.sessions = {key: each for key, each in self.sessions.items() if each.token != token_id}
        self.codes = {key: each for key, each in self.codes.items() if each.token != token_id}


def _has_gone(token: TokenRecord, read: dict[str, TokenRecord], asked: frozenset[str] | None) -> bool:
    """Return whether a token that was valid is not valid any more, as far as it was asked for."""
    found = read.get(token.id)
    return asked is None if found is None else found.revoked_at is not None
