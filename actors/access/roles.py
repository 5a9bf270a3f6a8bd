"""The roles, in their order: who may do more may do all that is below."""

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["viewer", "operator", "admin", "hook"]
"""The rights of a caller.

- `viewer`: read
- `operator`: also start and change runs
- `admin`: also tokens, definitions, the audit and the store
- `hook`: send events, and nothing else. Operators and admins may send them as well
"""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
_RANKS: Final[dict[Role, int]] = {"viewer": 1, "operator": 2, "admin": 3}


def includes(role: Role, needed: Role) -> bool:
    """Return whether a role includes another one. `hook` includes only itself; operators and admins include it."""
    if role == needed:
        return True
    return role in _RANKS and _RANKS[role] > (_RANKS["viewer"] if needed == "hook" else _RANKS[needed])
