"""Sessions of browsers: how long they last, and the token that guards their forms.

    enter code, good once, 60 s --> session, 12 h without use, 7 days at most

Only digests are stored. The form's token is derived from the session's secret, which only the browser has.
"""

import hashlib
import hmac
import secrets
from typing import Final

from stretto.actors.journal import SessionRecord

IDLE_SECONDS: Final = 12 * 3600.0
"""How long a session lasts without use."""
LONGEST_SECONDS: Final = 7 * 86_400.0
"""How long a session lasts at most."""
CODE_SECONDS: Final = 60.0
"""How long an enter code is good."""
USE_PRECISION_SECONDS: Final = 600.0
"""How precisely the last use of a session is stored: a restart may end it this much earlier."""
MAX_CODES: Final = 1000
"""Enter codes at a time. A new one replaces the oldest one."""
_SECRET_BYTES: Final = 32
_FORM_TOKEN: Final = b"stretto form token"


def new_secret() -> str:
    """Return 256 random bits as text, for a session or a code."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def csrf_token(session: str) -> str:
    """Return the token that forms of a session must send, from the session's secret."""
    return hmac.new(session.encode("utf-8", "surrogatepass"), _FORM_TOKEN, hashlib.sha256).hexdigest()


def is_csrf_token(session: str, given: str) -> bool:
    """Return whether a form has the token of a session, given the session's secret."""
    return hmac.compare_digest(csrf_token(session).encode(), given.encode("utf-8", "surrogatepass"))


def has_ended(session: SessionRecord, now: float) -> bool:
    """Return whether a session is over, at a time in seconds since the epoch."""
    return now >= session.ends_at or now >= session.used_at + IDLE_SECONDS
