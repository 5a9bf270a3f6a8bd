"""What clients ask of runs that a daemon's store keeps, over a real socket."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import ended_runs
from stretto.actors.gateway.live import hub
from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.operations import Request, answers, controls, exporting, requests
from stretto.actors.operations.requests import Definition, Submit, Watch
from stretto.definitions.data import encode_json
from tests.support.gateways import with_gateway
from tests.support.waiting import PATIENCE

Told = TypeVar("Told")

ITEMS = Definition(
    "items.yaml",
    'version: "1.0.0"\nref: test.items\nparameters: {hosts: {type: array}, word: {secret: true, default: null}}\n'
    "tasks:\n  - name: say\n    action: core.echo\n    with_items: '{{ parameters.hosts }}'\n"
    '    input: {message: "{{ item }}"}\noutput_map: {said: "{{ task.say.result }}"}\n',
)
FAILING = Definition(
    "failing.yaml",
    'version: "1.0.0"\nref: test.failing\ntasks: [{name: only, action: core.fail, input: {message: no}}]\n',
)
SLEEP = Definition(
    "sleep.yaml",
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks:\n  - name: sleep\n    action: core.sleep\n    with_items: [1000, 1001, 1002]\n    concurrency: 1\n"
    '    input: {seconds: "{{ item }}"}\n',
)


def with_store(folder: Path, test: Callable[[Client], Awaitable[None]]) -> None:
    """Run a test against a gateway whose engine has a store in the folder."""
    with_gateway(folder, test, store=f"sqlite:///{folder}/store.db")


async def ask(client: Client, request: Request, kind: type[Told]) -> Told:
    """Ask, and return the answer, which is of that kind."""
    answer = await asyncio.to_thread(client.ask, request)
    assert isinstance(answer, kind)
    return answer


async def answers_to(client: Client, request: Request) -> list[answers.Answer]:
    """Ask, and return all answers."""
    return await asyncio.to_thread(lambda: list(client.answers(request)))


async def refusal(client: Client, request: Request) -> str:
    """Ask for what is refused; return the code."""
    with pytest.raises(RequestRefused) as raised:
        await answers_to(client, request)
    return raised.value.refusal.code


async def ended(client: Client, definition: Definition, **inputs: Any) -> str:
    """Run a definition to its end; return the run's id."""
    told = await answers_to(client, Submit(definition, inputs))
    assert isinstance(told[-1], answers.Ended)
    return told[-1].run


def test_runs_and_items_are_told_page_by_page(tmp_path: Path) -> None:
    """Lists with their cursors, one run, one item with its result."""

    async def test(client: Client) -> None:
        first = await ended(client, ITEMS, hosts=["a", "b", "c"])
        failing = await ended(client, FAILING)
        page = await ask(client, requests.Runs(limit=1), answers.RunsAnswer)
        assert [each["id"] for each in page.runs] == [failing]
        page = await ask(client, requests.Runs(limit=1, cursor=page.next), answers.RunsAnswer)
        assert ([each["id"] for each in page.runs], page.next) == ([first], None)
        page = await ask(client, requests.Runs(status="failed", workflow="test.failing"), answers.RunsAnswer)
        assert [each["id"] for each in page.runs] == [failing]
        page = await ask(client, requests.Runs(status=["failed", "succeeded"], parent="none"), answers.RunsAnswer)
        assert [each["id"] for each in page.runs] == [failing, first]
        counts = await ask(client, requests.RunCounts(0.0), answers.CountsAnswer)
        assert counts.statuses == {"failed": 1, "succeeded": 1}
        day = await ask(client, requests.RunCounts(time.time() - 3600.0, "hour"), answers.CountsAnswer)
        assert [hour["statuses"] for hour in day.hours or []].count({}) in {22, 23}
        mine = await ask(client, requests.Runs(by=page.runs[0]["requested_by"]["who"]), answers.RunsAnswer)
        assert [each["id"] for each in mine.runs] == [failing, first]
        assert (await ask(client, requests.Runs(by="nobody"), answers.RunsAnswer)).runs == []
        normal = await ask(client, requests.Runs(priority="normal"), answers.RunsAnswer)
        assert [each["id"] for each in normal.runs] == [failing, first]
        assert (await ask(client, requests.Runs(priority="high"), answers.RunsAnswer)).runs == []
        run = (await ask(client, requests.Run(first), answers.RunAnswer)).run
        assert (run["status"], run["output"]) == ("succeeded", {"said": ["a", "b", "c"]})
        items = await ask(client, requests.Items(first, limit=2), answers.ItemsAnswer)
        rest = await ask(client, requests.Items(first, limit=2, cursor=items.next), answers.ItemsAnswer)
        assert sorted(each["index"] for each in (*items.items, *rest.items)) == [0, 1, 2]
        assert (await ask(client, requests.Items(failing, outcome="failed"), answers.ItemsAnswer)).items[0]["error"]
        item = (await ask(client, requests.Item(first, "say", 1), answers.ItemAnswer)).item
        assert (item["outcome"], item["result"]) == ("succeeded", "b")

    with_store(tmp_path, test)


def test_runs_are_labelled_and_found_by_labels_and_parts_of_ids(tmp_path: Path) -> None:
    """A part of several ids is refused, and so are labels that cannot be kept."""

    async def test(client: Client) -> None:
        told = await answers_to(client, Submit(FAILING, labels={"team": "web"}))
        assert isinstance(told[-1], answers.Ended)
        run = told[-1].run
        other = await ended(client, FAILING)
        page = await ask(client, requests.Runs(labels={"team": "web"}, children="folded"), answers.RunsAnswer)
        assert [(each["id"], each["labels"]) for each in page.runs] == [(run, {"team": "web"})]
        assert (await ask(client, requests.FindRun(run[-8:]), answers.Found)).run == run
        assert (await ask(client, requests.FindRun(other), answers.Found)).run == other
        assert await refusal(client, requests.FindRun(run[:6])) == "ambiguous_run"
        assert await refusal(client, requests.FindRun("ffffff")) == "unknown_run"
        assert await refusal(client, Submit(FAILING, labels={"": "web"})) == "invalid_labels"
        assert await refusal(client, requests.Rerun(run, "failed_items", "none")) == "unknown_task"

    with_store(tmp_path, test)


@pytest.mark.parametrize("limit", [0, 501])
def test_a_page_has_its_bounds(tmp_path: Path, limit: int) -> None:
    """A request beyond them is none."""

    async def test(client: Client) -> None:
        assert await refusal(client, requests.Runs(limit=limit)) == "bad_request"

    with_store(tmp_path, test)


def test_an_export_comes_in_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries there are, no frame has many more bytes than it should; the last one says that it is all."""
    monkeypatch.setattr(exporting, "FRAME_BYTES", 500)

    async def test(client: Client) -> None:
        run = await ended(client, ITEMS, hosts=[f"host-{number}" for number in range(20)], word="hunter2")
        told = await answers_to(client, requests.Export(run))
        head, last, frames = told[0], told[-1], told[1:-1]
        assert isinstance(head, answers.ExportAnswer)
        assert head.run["definition"]["text"] == ITEMS.text
        assert last == answers.Done()
        assert len(frames) > 3
        entries = []
        for frame in frames:
            assert isinstance(frame, answers.EntriesAnswer)
            assert len(encode_json(frame)) < 1000
            entries += [msgspec.json.decode(each) for each in frame.entries]
        assert [each["number"] for each in entries] == list(range(len(entries)))
        assert {each["result"] for each in entries if "result" in each} == {f"host-{number}" for number in range(20)}
        assert b"hunter2" not in b"".join(map(encode_json, told))

    with_store(tmp_path, test)


def test_a_run_that_has_ended_is_watched_to_its_end(tmp_path: Path) -> None:
    """The outcome comes from the store, as it came to whoever had followed the run."""

    async def test(client: Client) -> None:
        told = await answers_to(client, Submit(ITEMS, {"hosts": ["a"]}))
        run = told[-1]
        assert isinstance(run, answers.Ended)
        assert (await answers_to(client, Watch(run.run)))[-1] == run
        assert await refusal(client, Watch("nobody")) == "unknown_run"

    with_store(tmp_path, test)


def test_without_a_store_only_the_last_outcomes_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists say that there is no store; who would watch a run that ended long ago is told that it has ended."""
    monkeypatch.setattr(ended_runs, "MAX_REMEMBERED", 1)
    # A run that ended while it was followed can be followed again for a while.
    monkeypatch.setattr(hub, "MAX_IDLE_CHANNELS", 0)

    async def test(client: Client) -> None:
        run, last = await ended(client, FAILING), await ended(client, FAILING)
        assert isinstance((await answers_to(client, Watch(last)))[-1], answers.Ended)
        assert await refusal(client, Watch(run)) == "no_store"
        assert await refusal(client, requests.Runs()) == "no_store"
        assert await refusal(client, requests.Export(run)) == "no_store"
        assert await refusal(client, requests.Prune(keep=0)) == "no_store"

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("store", [True, False])
def test_the_same_key_gives_the_same_run(tmp_path: Path, store: bool) -> None:
    """Also when it has ended: its outcome is told again; a key with other inputs is refused."""

    async def test(client: Client) -> None:
        first = await answers_to(client, Submit(ITEMS, {"hosts": ["a"]}, idempotency_key="k1"))
        second = await answers_to(client, Submit(ITEMS, {"hosts": ["a"]}, idempotency_key="k1"))
        assert isinstance(first[0], answers.Accepted)
        replayed = answers.Accepted(first[0].run, first[0].workflow, replayed=True)
        assert (second[0], second[-1]) == (replayed, first[-1])
        accepted = await ask(client, Submit(ITEMS, {"hosts": ["a"]}, "k1"), answers.Accepted)
        assert accepted == replayed
        assert await refusal(client, Submit(ITEMS, {"hosts": ["b"]}, idempotency_key="k1")) == "idempotency_conflict"

    (with_store if store else with_gateway)(tmp_path, test)


def test_a_run_in_progress_is_followed_by_its_key(tmp_path: Path) -> None:
    """Who submits it again follows the one that goes on."""

    async def test(client: Client) -> None:
        accepted = await ask(client, Submit(SLEEP, {}, "k1"), answers.Accepted)
        following = asyncio.ensure_future(answers_to(client, Submit(SLEEP, {}, idempotency_key="k1")))
        await ask(client, controls.Cancel(accepted.run), answers.StatusAnswer)
        told = await following
        assert told[0] == answers.Accepted(accepted.run, accepted.workflow, replayed=True)
        assert isinstance(told[-1], answers.Ended)
        assert told[-1].status == "cancelled"

    with_store(tmp_path, test)


def test_a_run_is_done_again(tmp_path: Path) -> None:
    """All of it, or what failed; what did not fail cannot be."""

    async def test(client: Client) -> None:
        run = await ended(client, FAILING)
        again = await ask(client, requests.Rerun(run), answers.Accepted)
        assert isinstance((await answers_to(client, Watch(again.run)))[-1], answers.Ended)
        told = (await ask(client, requests.Run(again.run), answers.RunAnswer)).run
        assert (told["rerun_of"], told["rerun_scope"], told["status"]) == (run, "everything", "failed")
        again = await ask(client, requests.Rerun(run, "failed_tasks"), answers.Accepted)
        assert isinstance((await answers_to(client, Watch(again.run)))[-1], answers.Ended)
        fine = await ended(client, ITEMS, hosts=[])
        assert await refusal(client, requests.Rerun(fine, "failed_tasks")) == "nothing_to_rerun"

    with_store(tmp_path, test)


def test_a_fan_out_is_controlled_while_it_runs(tmp_path: Path) -> None:
    """What it waits for is told, its concurrency changed, its items skipped and retried."""

    async def test(client: Client) -> None:
        run = (await ask(client, Submit(SLEEP, {}), answers.Accepted)).run

        async def reasons() -> list[tuple[str, Any]]:
            told = await ask(client, requests.Why(run, "sleep"), answers.WaitsAnswer)
            return [(each["kind"], each.get("index", each.get("count"))) for each in told.reasons]

        assert await reasons() == [("item_in_flight", 0), ("concurrency", 2)]
        await ask(client, controls.SetConcurrency(run, "sleep", 2), answers.StatusAnswer)
        assert await reasons() == [("item_in_flight", 0), ("item_in_flight", 1), ("concurrency", 1)]
        await ask(client, controls.SkipItem(run, "sleep", 0), answers.StatusAnswer)
        async with asyncio.timeout(PATIENCE):  # the skipped item's action is being stopped
            while ("concurrency", 1) in await reasons():
                pass
        assert await refusal(client, controls.RetryItem(run, "sleep", 7)) != "internal_error"
        assert await refusal(client, controls.SetConcurrency(run, "nobody", 2)) == "unknown_task"
        await ask(client, controls.Cancel(run), answers.StatusAnswer)
        assert await refusal(client, controls.SkipItem(run, "sleep", 0)) != "internal_error"

    with_store(tmp_path, test)


def test_a_runs_deadline_is_extended(tmp_path: Path) -> None:
    """It is recorded, and among the waits; a run without a deadline has none to extend."""

    async def test(client: Client) -> None:
        timed = Definition(SLEEP.file, SLEEP.text + "timeout: 3600\n")
        run = (await ask(client, Submit(timed, {}), answers.Accepted)).run
        before = (await ask(client, requests.Why(run), answers.WaitsAnswer)).reasons[-1]
        await ask(client, controls.Extend(run, 60.0), answers.StatusAnswer)
        after = (await ask(client, requests.Why(run), answers.WaitsAnswer)).reasons[-1]
        assert (before["kind"], after["kind"]) == ("deadline", "deadline")
        assert after["until"] > before["until"]
        assert await refusal(client, controls.Extend(run, -1.0)) == "bad_request"
        await ask(client, controls.Cancel(run), answers.StatusAnswer)
        assert await refusal(client, controls.Extend(run, 60.0)) == "illegal_transition"
        other = (await ask(client, Submit(SLEEP, {}), answers.Accepted)).run
        assert await refusal(client, controls.Extend(other, 60.0)) == "illegal_transition"

    with_store(tmp_path, test)


def test_the_output_so_far_of_an_item(tmp_path: Path) -> None:
    """An item in flight has one, or none to be read; one that has ended has that of its result, if any."""

    async def test(client: Client) -> None:
        run = (await ask(client, Submit(SLEEP, {}), answers.Accepted)).run
        told = (await ask(client, requests.ItemOutput(run, "sleep", 0), answers.OutputAnswer)).output
        assert (told["index"], told["stdout"], told["truncated"]) == (0, None, False)
        assert await refusal(client, requests.ItemOutput(run, "sleep", 2)) == "item_not_in_flight"
        over = await ended(client, FAILING)
        told = (await ask(client, requests.ItemOutput(over, "only"), answers.OutputAnswer)).output
        assert (told["outcome"], told["stdout"], told["stderr"]) == ("failed", None, None)
        assert await refusal(client, requests.ItemOutput(over, "none")) == "unknown_item"

    with_store(tmp_path, test)


def test_runs_are_deleted(tmp_path: Path) -> None:
    """As many as are told."""

    async def test(client: Client) -> None:
        for _ in range(3):
            await ended(client, FAILING)
        assert (await ask(client, requests.Prune(keep=1), answers.Pruned)).runs == 2
        assert len((await ask(client, requests.Runs(), answers.RunsAnswer)).runs) == 1
        assert await refusal(client, requests.Prune(keep=-1)) == "bad_request"

    with_store(tmp_path, test)


def test_who_follows_a_run_that_a_store_keeps_is_told_that_it_goes_on(tmp_path: Path) -> None:
    """The daemon ends before the run: that is no outcome."""
    following: list[Future[answers.Refused]] = []

    def refusal_while_following(client: Client, run: str, follows: Callable[[], object]) -> answers.Refused:
        with pytest.raises(RequestRefused) as raised:
            deque((follows() for _ in client.answers(Watch(run))), maxlen=0)
        return raised.value.refusal

    async def test(client: Client) -> None:
        run = (await ask(client, Submit(SLEEP, {}), answers.Accepted)).run
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        follows = partial(loop.call_soon_threadsafe, begun.set)
        following.append(follower.submit(refusal_while_following, client, run, follows))
        await begun.wait()

    with ThreadPoolExecutor(1) as follower:
        with_store(tmp_path, test)
        refused = following[0].result(PATIENCE)
    assert refused.code == "engine_stopped"
    assert "continues when a daemon opens its store again" in refused.message


def test_failures_entries_and_definitions_are_told(tmp_path: Path) -> None:
    """Over the socket as from the engine; a type of entries that there is not is refused."""

    async def test(client: Client) -> None:
        run = await ended(client, FAILING)
        groups = (await ask(client, requests.Errors(run), answers.ErrorsAnswer)).groups
        assert [(each["task"], each["count"], each["message"]) for each in groups] == [("only", 1, "no")]
        page = await ask(client, requests.History(run, task="only"), answers.HistoryAnswer)
        assert ([each["type"] for each in page.entries], page.next) == (["item_completed"], None)
        definition = (await ask(client, requests.RunDefinition(run), answers.DefinitionAnswer)).definition
        assert (definition["ref"], definition["text"]) == ("test.failing", FAILING.text)
        cells = await ask(client, requests.Cells(run, "only"), answers.CellsAnswer)
        assert (cells.visit, cells.cells) == (1, b"\x14")
        assert await refusal(client, requests.Cells(run, "only", 2)) == "unknown_visit"
        assert await refusal(client, requests.History(run, kind="other")) == "unknown_kind"
        assert await refusal(client, requests.Errors(run, "other")) == "unknown_task"
        assert await refusal(client, requests.History(run, after=-2)) == "bad_request"

    with_store(tmp_path, test)
