"""Webhooks are read with all findings; their secrets are elsewhere."""

import pytest

from stretto.definitions.rules import SecretSource
from tests.support.events import hook, trigger


def test_a_hook_has_its_secret_its_style_and_its_event() -> None:
    """The event has the hook's name unless it has one of its own."""
    read = hook("hook: alertmanager\nsecret: {kv: token}")
    assert (read.name, read.event, read.style) == ("alertmanager", "alertmanager", "bearer")
    assert read.secret == SecretSource("kv", "token")
    read = hook("hook: gh\nevent: github\nsecret: {file: token.txt}\nstyle: github\ndedupe: payload.id")
    assert (read.event, read.style, read.secret) == ("github", "github", SecretSource("file", "token.txt"))
    assert read.dedupe is not None


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("hook: a", ["hook_without_secret"]),
        ("hook: a\nsecret: hunter2", ["literal_secret"]),
        ("hook: a\nsecret: {kv: a, file: b}", ["bad_secret"]),
        ("hook: a\nsecret: {}", ["bad_secret"]),
        ("hook: a\nsecret: {kv: a}\nstyle: gitub", ["bad_choice"]),
        ("hook: 'a b'\nsecret: {kv: a}", ["bad_name"]),
        ("hook: a\nsecret: {kv: a}\ndedupe: playload.id", ["unknown_name"]),
        ("hook: a\nsecret: {kv: a}\nurl: b", ["unknown_field"]),
        ("hook: a\nsecret: {kv: a}\nevent: stretto.run_ended", ["reserved_event"]),
    ],
)
def test_a_mistake_is_found(text: str, codes: list[str]) -> None:
    """With its code."""
    assert trigger(text)[1] == codes
