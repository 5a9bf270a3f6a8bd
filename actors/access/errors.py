"""Refusals. Each has a stable code; its message says what to do, and nothing about what is stored."""

from typing import Final, Literal, TypeAlias

from stretto.actors.access.roles import Role
from stretto.definitions.errors import StrettoError

Reason: TypeAlias = Literal["missing", "malformed", "unknown", "expired", "revoked"]
"""Why a caller is not authenticated, for metrics and logs."""

_SAID: Final[dict[Reason, str]] = {
    "missing": "a token is needed; an administrator makes one with `stretto tokens create`",
    "malformed": "the token is incomplete or mistyped: its checksum does not match",
    "unknown": "the token or session is not known here",
    "expired": "the token or session has expired",
    "revoked": "the token was revoked",
}


class Unauthenticated(StrettoError):
    """The caller is not known: HTTP's 401.

    Attributes:
        reason: Why.
    """

    code = "unauthenticated"

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(_SAID[reason])

    def __reduce__(self) -> tuple[type["Unauthenticated"], tuple[Reason]]:
        return type(self), (self.reason,)


class Forbidden(StrettoError):
    """The caller is known and may not do this: HTTP's 403.

    Attributes:
        needed: The role that is needed.
        role: The role that the caller has.
        restricted: Whether the role would do, but the caller is restricted to some workflows.
    """

    code = "forbidden"

    def __init__(self, needed: Role, role: Role, restricted: tuple[str, ...] | None = None) -> None:
        self.needed = needed
        self.role = role
        self.restricted = restricted is not None
        self._arguments = needed, role, restricted
        if restricted is None:
            super().__init__(f"this needs the role {needed}, and the caller has {role}")
        else:
            super().__init__(f"this needs a token for all workflows, and the caller's is for {', '.join(restricted)}")

    def __reduce__(self) -> tuple[type["Forbidden"], tuple[Role, Role, tuple[str, ...] | None]]:
        return type(self), self._arguments


class MemberForbidden(StrettoError):
    """An administrator of the socket's group asks for what would give more rights than the group has: HTTP's 403."""

    code = "forbidden"


class InvalidToken(StrettoError):
    """A token cannot be made like this."""

    code = "invalid_token"


class TokenExists(StrettoError):
    """Another token has the name, and is not revoked."""

    code = "token_exists"


class UnknownToken(StrettoError):
    """There is no such token, or it is revoked."""

    code = "unknown_token"


class NoTokens(StrettoError):
    """There is neither a store nor a file for tokens."""

    code = "no_tokens_file"


class CannotUseTokensFile(StrettoError):
    """The file of tokens cannot be used. The message says what was found and what to do."""

    code = "cannot_use_tokens_file"
