"""The rules for a token: its name, role, end and restrictions."""

import re
from typing import Final

from stretto.actors.access.errors import InvalidToken
from stretto.actors.access.roles import ROLES
from stretto.definitions.errors import refused_choice

MAX_RESTRICTIONS: Final = 100
"""Workflows that a token can be restricted to."""
MAX_LASTS_SECONDS: Final = 100 * 365 * 86_400
"""The longest time until a token expires, other than never: a later time could not be shown."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_MAX_REF: Final = 200


def check_token(name: str, role: str, lasts: float | None, workflows: tuple[str, ...] | None) -> None:
    """Raise `InvalidToken` if no token can be like this: see `Access.create_token`."""
    if _NAME.fullmatch(name) is None:
        raise InvalidToken(
            f"the name of a token must have 1 to 64 letters, digits, '.', '_', '@' or '-', got {name[:80]!r}"
        )
    if role not in ROLES:
        raise InvalidToken(refused_choice("the role of a token", ROLES, role))
    if lasts is not None and not 0 < lasts <= MAX_LASTS_SECONDS:
        raise InvalidToken(
            f"a token must last longer than 0 seconds, at most {MAX_LASTS_SECONDS:,} (MAX_LASTS_SECONDS), got {lasts:g}"
        )
    if workflows is not None and not 1 <= len(workflows) <= MAX_RESTRICTIONS:
        raise InvalidToken(f"a token can be restricted to 1 to {MAX_RESTRICTIONS} workflows, got {len(workflows):,}")
    for ref in workflows or ():
        if not 0 < len(ref) <= _MAX_REF or not ref.isprintable():
            raise InvalidToken(f"a workflow must be a ref of 1 to {_MAX_REF} printable characters, got {ref[:80]!r}")
