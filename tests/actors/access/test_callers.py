"""Callers and their rights."""

import os
import pwd
from typing import Any

import pytest

from stretto.actors.access.callers import Caller, local_caller, may, require, require_unrestricted, user_name
from stretto.actors.access.errors import Forbidden
from stretto.actors.journal import Requester

UNUSED_UID = next(uid for uid in range(3_000_000, 4_000_000) if uid not in {each.pw_uid for each in pwd.getpwall()})


def caller(**given: Any) -> Caller:
    usual = {"who": "ci", "via": "api", "source": "10.0.0.1", "role": "operator", "origin": "remote"}
    return Caller(**{**usual, **given})


def test_a_caller_may_do_what_its_role_includes() -> None:
    """Anything else is refused with both roles."""
    assert may(caller(), "viewer")
    require(caller(), "operator")
    with pytest.raises(Forbidden) as refused:
        require(caller(), "admin")
    assert (refused.value.needed, refused.value.role) == ("admin", "operator")


def test_a_restricted_caller_sees_the_trees_of_its_workflows() -> None:
    """By the workflow of the run at the top."""
    assert caller(workflows=("ops.a",)).sees("ops.a")
    assert not caller(workflows=("ops.a",)).sees("ops.ab")
    assert caller().sees("ops.ab")


def test_a_restricted_admin_may_not_do_what_is_about_all_workflows() -> None:
    """The audit, tokens, the store."""
    require_unrestricted(caller(role="admin"), "admin")
    with pytest.raises(Forbidden, match=r"the caller's is for ops\.a"):
        require_unrestricted(caller(role="admin", workflows=("ops.a",)), "admin")
    with pytest.raises(Forbidden, match="the role admin"):
        require_unrestricted(caller(), "admin")


def test_a_caller_asks_with_its_name_its_role_and_a_note() -> None:
    """For the engine's methods. Inquiries compare the role with those that may answer."""
    assert caller().asks("fix") == Requester(who="ci", via="api", source="10.0.0.1", note="fix", role="operator")


def test_the_user_of_this_machine_is_an_administrator() -> None:
    """Under the user's name; one without a name has its number."""
    own = local_caller(os.getuid())
    assert (own.role, own.origin, own.source, own.via) == ("admin", "owner", "local", "cli")
    assert own.who == pwd.getpwuid(os.getuid()).pw_name
    assert user_name(UNUSED_UID) == f"uid {UNUSED_UID}"
