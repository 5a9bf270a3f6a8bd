"""Actions that run within their item's turn: those of Orquesta that parse their input do so for small inputs only."""

import threading
from pathlib import Path

import pytest

from stretto.actors import Engine
from stretto.actors.actions.core import stackstorm
from stretto.actors.actions.core.stackstorm import MAX_INLINE_BYTES
from tests.support.waiting import PATIENCE

FLOW = """
version: 1.0
input: [messages]
tasks:
  say:
    with: <% ctx(messages) %>
    action: core.echo message=<% item() %>
output:
  - said: <% task(say).result.items.select($.result) %>
"""


def test_a_large_message_is_parsed_on_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dispatcher's thread serves all runs: 100 MB of JSON would keep it for a second. The result is the same."""
    threads: dict[int, str] = {}
    parse = stackstorm._parsed

    def parsed(text: str) -> object:
        if text:
            threads[len(text)] = threading.current_thread().name
        return parse(text)

    monkeypatch.setattr(stackstorm, "_parsed", parsed)
    large = f'["{"x" * MAX_INLINE_BYTES}"]'
    (tmp_path / "flow.yaml").write_text(FLOW)
    with Engine.open() as engine:
        outcome = engine.run(tmp_path / "flow.yaml", {"messages": ["[1]", large]}, timeout=PATIENCE)
    assert outcome.output is not None, outcome.errors
    assert [each["stdout"] for each in outcome.output["said"]] == [[1], ["x" * MAX_INLINE_BYTES]]
    assert threads[3].startswith("stretto-dispatcher")
    assert not threads[len(large)].startswith("stretto-dispatcher")
