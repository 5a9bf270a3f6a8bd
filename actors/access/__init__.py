"""Who may use the daemon: tokens, sessions and roles, without any HTTP.

    token, session --> Access.caller_of_token, caller_of_session --> Caller --> may, require --> an operation
                                                                       '--> Caller.asks --> the audit

`open_access` opens it for a running engine: with a store everything is in the store, without one tokens are in a file.
Secrets are kept nowhere, only their digests.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.access.access import MAX_TOKENS, Access
    from stretto.actors.access.callers import (
        LOCAL,
        Caller,
        local_caller,
        may,
        require,
        require_full_rights,
        require_unrestricted,
        user_name,
    )
    from stretto.actors.access.errors import (
        CannotUseTokensFile,
        Forbidden,
        InvalidToken,
        MemberForbidden,
        NoTokens,
        TokenExists,
        Unauthenticated,
        UnknownToken,
    )
    from stretto.actors.access.made import Created, EnterCode
    from stretto.actors.access.opening import access_of_file, access_of_store, open_access
    from stretto.actors.access.rereading import WAIT_SECONDS
    from stretto.actors.access.roles import ROLES, Role
    from stretto.actors.access.sessions import LONGEST_SECONDS, csrf_token, is_csrf_token
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "access": "Access MAX_TOKENS",
            "callers": "Caller LOCAL local_caller may require require_full_rights require_unrestricted user_name",
            "errors": (
                "CannotUseTokensFile MemberForbidden Forbidden InvalidToken NoTokens TokenExists Unauthenticated "
                "UnknownToken"
            ),
            "made": "Created EnterCode",
            "opening": "access_of_file access_of_store open_access",
            "rereading": "WAIT_SECONDS",
            "roles": "ROLES Role",
            "sessions": "LONGEST_SECONDS csrf_token is_csrf_token",
        },
    )

__all__ = [
    "LOCAL",
    "LONGEST_SECONDS",
    "MAX_TOKENS",
    "ROLES",
    "WAIT_SECONDS",
    "Access",
    "Caller",
    "CannotUseTokensFile",
    "Created",
    "EnterCode",
    "Forbidden",
    "InvalidToken",
    "MemberForbidden",
    "NoTokens",
    "Role",
    "TokenExists",
    "Unauthenticated",
    "UnknownToken",
    "access_of_file",
    "access_of_store",
    "csrf_token",
    "is_csrf_token",
    "local_caller",
    "may",
    "open_access",
    "require",
    "require_full_rights",
    "require_unrestricted",
    "user_name",
]
