"""Runs are claimed by engines that have what they need. Others leave them, and say what is missing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from stretto.actors.catalogue import load_library
from stretto.actors.journal.messages import ClaimLeft
from stretto.actors.runs import RunEnded
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.data import thaw
from tests.support.databases import administration
from tests.support.engines import Bench
from tests.support.inquiries import Asked
from tests.support.pack_files import CODE, write_pack
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import pykka

LEASE = 60.0
WITH_FILE = """
cancellation_policy: cancel_running
tasks:
  - name: each
    action: core.sleep
    with_items: {{lines: {path}}}
    input: {{seconds: 1000}}
"""
ASKING_FIRST = """
tasks:
  - name: approve
    action: core.ask
    input: {prompt: "Deploy?"}
    next: [{do: greet}]
  - {name: greet, action: tools.greet}
output_map: {said: "{{ task.greet.result }}"}
"""
CALLING = "tasks: [{name: call, action: needs.child}]\n"
CHILD = "version: '1.0.0'\nref: needs.child\ntasks: [{name: wait, action: core.sleep, input: {seconds: 1000}}]\n"


@pytest.fixture
def shared(start_bench: Callable[..., Bench], postgres_url: str) -> Callable[..., Bench]:
    """Return what starts one more engine of a store."""
    return lambda **settings: start_bench(store=postgres_url, store_lease=LEASE, **settings)


@pytest.fixture
def ends_of() -> Iterator[Callable[[Bench], Any]]:
    """Return what returns the queue of the ends of an engine's runs."""
    listeners: list[pykka.ActorRef[Inbox]] = []
    before = set(threading.enumerate())

    def listen(bench: Bench) -> Any:
        listeners.append(Inbox.start())
        bench.proxy.host.subscribe_to_ends(listeners[-1]).get(timeout=PATIENCE)
        return messages_of(listeners[-1])

    yield listen
    threads = [each for each in set(threading.enumerate()) - before if each.name.startswith("Inbox")]
    for listener in listeners:
        listener.stop()
    for thread in threads:
        thread.join(PATIENCE)


def ask(bench: Bench, method: str, *arguments: Any, **named: Any) -> Any:
    return getattr(bench.proxy, method)(*arguments, **named).get(timeout=PATIENCE)


def claim(bench: Bench) -> int:
    """Let an engine claim what it can; return how many runs it has left."""
    link: Any = bench.proxy.host.services().get(timeout=PATIENCE).journal
    link._journal.ask(ClaimLeft(), timeout=PATIENCE)
    left: int = link.left
    return left


def waits(bench: Bench, run_id: str) -> list[tuple[str, str]]:
    return [(each["kind"], each["text"]) for each in ask(bench, "why", run_id)]


def test_a_run_with_files_of_a_host_waits_for_an_engine_there(
    shared: Callable[..., Bench], tmp_path: Path, ends_of: Callable[[Bench], Any]
) -> None:
    """The others say so, wherever they are asked. An engine on that host goes on with it."""
    file = tmp_path / "items.txt"
    file.write_text("a\nb\n")
    first, second = shared(files_host="web1"), shared(files_host="web2")
    run = first.submit(WITH_FILE.format(path=file))
    ask(first, "stop", grace=0)
    assert claim(second) == 1
    assert waits(second, run.id) == [
        (
            "no_daemon",
            "no daemon can take the run: it needs the host web1, which has its files. Start a daemon that has it",
        )
    ]
    with pytest.raises(
        IllegalTransition, match=f"cannot cancel the run {run.id}: no daemon can take it, as it needs the"
    ):
        ask(second, "cancel", run.id)
    [daemon] = [each for each in ask(second, "daemons") if each["here"]]
    assert daemon["lacks"] == [{"need": "host web1", "text": "the host web1, which has its files", "runs": 1}]
    third = shared(files_host="web1")
    ends = ends_of(third)
    assert claim(second) == 0
    ask(second, "cancel", run.id)
    ended = ends.get(timeout=PATIENCE)
    assert isinstance(ended, RunEnded)
    assert (ended.run_id, ended.outcome.status) == (run.id, "cancelled")
    assert ask(third, "daemons")[-1]["lacks"] == []


def test_files_on_a_shared_folder_pin_no_run(shared: Callable[..., Bench], tmp_path: Path) -> None:
    """All daemons have them."""
    file = tmp_path / "items.txt"
    file.write_text("a\n")
    first, second = (shared(files_host=name, files_shared=[tmp_path]) for name in ("web1", "web2"))
    run = first.submit(WITH_FILE.format(path=file))
    ask(first, "stop", grace=0)
    assert claim(second) == 0
    assert "no_daemon" not in [kind for kind, _ in waits(second, run.id)]
    ask(second, "cancel", run.id)


def test_a_run_waits_for_an_engine_with_its_workflows(shared: Callable[..., Bench], tmp_path: Path) -> None:
    """One that reads its definitions again claims what it can run from then on."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "child.yaml").write_text(CHILD)
    first, second = shared(definitions=[folder]), shared()
    run = first.submit(CALLING)
    ask(first, "stop", grace=0)
    assert claim(second) >= 1
    assert waits(second, run.id) == [
        (
            "no_daemon",
            "no daemon can take the run: it needs the action or workflow needs.child. Start a daemon that has it",
        )
    ]
    library = load_library([folder])
    second.proxy.host.use_definitions(library.catalogue, library.packs).get(timeout=PATIENCE)
    assert claim(second) == 0
    assert "no_daemon" not in [kind for kind, _ in waits(second, run.id)]
    ask(second, "cancel", run.id)


def test_a_run_continues_with_the_actions_of_its_next_engine(
    shared: Callable[..., Bench], tmp_path: Path, ends_of: Callable[[Bench], Any]
) -> None:
    """Also if their code differs. Its definition stays that of its start: see docs/decisions/0014."""
    first, second = (
        shared(packs=[write_pack(tmp_path / said / "tools", actions__greet_dot_py=CODE.replace("hello", said)).parent])
        for said in ("before", "after")
    )
    asked = Asked(first)
    run = first.submit(ASKING_FIRST)
    inquiry = asked.next()
    asked.stop()
    ask(first, "stop", grace=0)
    assert claim(second) == 0
    ends = ends_of(second)
    ask(second, "answer_inquiry", inquiry.id, {"continue": True})
    ended = ends.get(timeout=PATIENCE)
    assert (ended.run_id, ended.outcome.status) == (run.id, "succeeded")
    assert thaw(ended.outcome.output) == {"said": {"said": "after"}}


def test_an_engine_leaves_a_run_with_a_need_that_it_does_not_know(
    shared: Callable[..., Bench], postgres_url: str
) -> None:
    """A later version can keep runs from engines that could not read them in this way."""
    first, second = shared(), shared()
    run = first.submit("tasks: [{name: wait, action: core.sleep, input: {seconds: 1000}}]\n")
    with administration(postgres_url) as connection:
        connection.execute(text("UPDATE runs SET needs = :needs"), {"needs": '["language 2"]'})
    ask(first, "stop", grace=0)
    assert claim(second) == 1
    assert waits(second, run.id) == [
        ("no_daemon", "no daemon can take the run: it needs language 2. Start a daemon that has it")
    ]
