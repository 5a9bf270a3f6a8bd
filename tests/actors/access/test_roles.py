"""The order of roles."""

import pytest

from stretto.actors.access.roles import ROLES, Role, includes

ORDER: tuple[Role, ...] = ("viewer", "operator", "admin")


def test_each_role_includes_those_below_it() -> None:
    """And itself."""
    for rank, role in enumerate(ORDER):
        assert [needed for needed in ORDER if includes(role, needed)] == list(ORDER[: rank + 1])


def test_hook_is_outside_of_the_order() -> None:
    """It may do nothing that another role may. Operators and admins may do what it does."""
    assert [role for role in ROLES if includes("hook", role)] == ["hook"]
    assert [role for role in ROLES if includes(role, "hook")] == ["operator", "admin", "hook"]


@pytest.mark.parametrize("role", ["", "Admin", "root"])
def test_an_unknown_role_may_nothing(role: Role) -> None:
    """A damaged row gives no rights."""
    assert not any(includes(role, needed) for needed in ROLES)
