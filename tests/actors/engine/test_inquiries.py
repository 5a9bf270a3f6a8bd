"""Runs that ask people: they wait without a thread, survive the engine, and get one answer."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import RunHandle, RunWasParked
from stretto.actors.dispatch import Deferred
from stretto.actors.engine.inquiries import Answer, InquiryFound
from stretto.actors.journal import InquiryEnded, Requester, StoredInquiry, UnknownInquiry, new_key
from stretto.actors.runs import InvalidAnswer, MayNotAnswer
from stretto.actors.runs.run_events import INQUIRY_ASKED, INQUIRY_ENDED, INQUIRY_REMINDER
from tests.support.engines import Bench, outcome_of
from tests.support.events import answer_of
from tests.support.inquiries import ASK, Asked
from tests.support.waiting import PATIENCE, Inbox, messages_of

YES = {"continue": True}


def person(name: str, role: Any = "operator") -> Requester:
    return Requester(who=name, via="api", source="10.0.0.9", role=role)


def output_of(handle: RunHandle) -> dict[str, Any]:
    output = outcome_of(handle).output
    assert output is not None
    return output


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


@pytest.fixture(params=["memory", "store"])
def asking(
    request: pytest.FixtureRequest, start_bench: Callable[..., Bench], durable_url: str
) -> Iterator[tuple[Bench, Asked]]:
    """An engine without and with a store, and what its runs ask."""
    bench = start_bench(store=durable_url if request.param == "store" else None)
    asked = Asked(bench)
    yield bench, asked
    asked.stop()


def test_a_run_waits_for_an_answer_and_goes_on_with_it(asking: tuple[Bench, Asked]) -> None:
    """The answer is the task's result, and the inquiry says who has given it."""
    bench, asked = asking
    handle = bench.submit(ASK)
    inquiry = asked.next()
    (listed,) = get(bench.proxy.inquiries(status="pending"))["inquiries"]
    assert (listed["id"], listed["prompt"], listed["run"], listed["status"]) == (
        inquiry.id, "Deploy?", handle.id, "pending",
    )  # fmt: skip
    answered = get(bench.proxy.answer_inquiry(inquiry.id, YES, by=person("mira")))
    assert (answered["status"], answered["answered_by"], answered["response"]) == ("answered", "mira", YES)
    assert outcome_of(handle).output == {"answer": YES, "by": "mira"}
    assert get(bench.proxy.inquiry(inquiry.id)) == answered
    assert get(bench.proxy.inquiries(status="pending")) == {"inquiries": [], "next": None}


def test_of_several_answers_the_first_wins_and_the_others_learn_whose_it_was(asking: tuple[Bench, Asked]) -> None:
    """They are told the name."""
    bench, asked = asking
    handle = bench.submit(ASK)
    inquiry = asked.next()
    answers = [bench.proxy.answer_inquiry(inquiry.id, YES, by=person(name)) for name in ("mira", "noor", "olga")]
    assert get(answers[0])["answered_by"] == "mira"
    for late in answers[1:]:
        with pytest.raises(InquiryEnded, match=r"was answered by mira \(api\) at"):
            get(late)
    assert output_of(handle)["by"] == "mira"


def test_an_answer_must_match_the_schema(asking: tuple[Bench, Asked]) -> None:
    """A wrong one changes nothing: the run waits on."""
    bench, asked = asking
    bench.submit(ASK)
    inquiry = asked.next()
    with pytest.raises(InvalidAnswer, match="'continue' must be of type boolean, got string") as refused:
        get(bench.proxy.answer_inquiry(inquiry.id, {"continue": "yes"}))
    assert refused.value.problems == ("'continue' must be of type boolean, got string",)
    assert get(bench.proxy.inquiry(inquiry.id))["status"] == "pending"


def test_only_those_who_may_can_answer(asking: tuple[Bench, Asked]) -> None:
    """Those who are named, by name or role, and not who has asked for the run, where the inquiry says so."""
    bench, asked = asking
    text = ASK.replace('"Deploy?"', '"Deploy?", users: [mira, vera], roles: [admin], not_requester: true')
    handle = get(bench.proxy.submit(bench.write(text), by=person("mira")))
    inquiry = asked.next()
    refusals = {
        person("mira"): "mira asked for the run, and this inquiry needs the answer of someone else",
        person("noor"): r"must be answered by mira, vera, role admin, got noor \(role operator\)",
    }
    for by, message in refusals.items():
        with pytest.raises(MayNotAnswer, match=message):
            get(bench.proxy.answer_inquiry(inquiry.id, YES, by=by))
    get(bench.proxy.answer_inquiry(inquiry.id, YES, by=person("vera", "viewer")))
    assert output_of(handle)["by"] == "vera"


def test_without_names_every_operator_may_answer_and_no_viewer(asking: tuple[Bench, Asked]) -> None:
    """As the API says."""
    bench, asked = asking
    bench.submit(ASK)
    inquiry = asked.next()
    with pytest.raises(MayNotAnswer, match=r"must be answered by an operator, got vera \(role viewer\)"):
        get(bench.proxy.answer_inquiry(inquiry.id, YES, by=person("vera", "viewer")))


def test_an_inquiry_times_out(asking: tuple[Bench, Asked]) -> None:
    """The task has the outcome of a timeout, which has a transition of its own."""
    bench, asked = asking
    text = """
ref: test.times_out
tasks:
  - name: approve
    action: core.ask
    input: {ttl: 0.0001}
    next: [{when: "{{ timed_out() }}", do: [late]}]
  - {name: late, action: core.echo, input: {message: "nobody"}}
output_map: {said: "{{ task.late.result }}"}
"""
    handle = bench.submit(text)
    assert asked.next_end().status == "timed_out"
    assert outcome_of(handle).output == {"said": "nobody"}
    (ended,) = get(bench.proxy.inquiries(handle.id))["inquiries"]
    with pytest.raises(InquiryEnded, match="has timed out at"):
        get(bench.proxy.answer_inquiry(ended["id"], YES))


def test_an_inquiry_ends_with_its_run(asking: tuple[Bench, Asked]) -> None:
    """A cancelled run waits for no answer."""
    bench, asked = asking
    handle = bench.submit(ASK + "cancellation_policy: cancel_running\n")
    inquiry = asked.next()
    get(bench.proxy.cancel(handle.id))
    assert outcome_of(handle).status == "cancelled"
    assert get(bench.proxy.inquiry(inquiry.id))["status"] == "cancelled"
    with pytest.raises(InquiryEnded, match="has ended"):
        get(bench.proxy.answer_inquiry(inquiry.id, YES))


def test_an_unknown_inquiry_cannot_be_answered(asking: tuple[Bench, Asked]) -> None:
    """There is none of that id."""
    bench, _asked = asking
    with pytest.raises(UnknownInquiry, match="there is no inquiry 'nope'"):
        get(bench.proxy.answer_inquiry("nope", YES))


def test_an_inquiry_survives_its_engine(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """The next engine asks nothing again: it waits for the same answer, until the same time."""
    first = start_bench(store=durable_url)
    asked = Asked(first)
    handle = first.submit(ASK)
    inquiry = asked.next()
    # A drain without a limit ends: only people could let the run go on.
    get(first.proxy.stop())
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    asked.stop()
    second = start_bench(store=durable_url)
    get(second.proxy.host.recovered())
    (listed,) = get(second.proxy.inquiries())["inquiries"]
    assert (listed["id"], listed["status"]) == (inquiry.id, "pending")
    get(second.proxy.answer_inquiry(inquiry.id, YES, by=person("mira")))
    assert output_of(get(second.proxy.handle(handle.id)))["answer"] == YES
    (only,) = get(second.proxy.inquiries())["inquiries"]
    assert (only["id"], only["answered_by"]) == (inquiry.id, "mira")
    entries = get(second.proxy.audit())["entries"]
    assert [(each["who"], each["target"]) for each in entries if each["operation"] == "answer_inquiry"] == [
        ("mira", f"{handle.id} {inquiry.id}")
    ]


def test_a_run_that_was_left_before_its_question_was_stored_asks_it(
    start_bench: Callable[..., Bench], sqlite_url: str
) -> None:
    """A kill between the start of a task and the commit of its question leaves nothing to answer in the store."""
    first = start_bench(store=sqlite_url)
    asked = Asked(first)
    handle = first.submit(ASK)
    asked.next()
    get(first.proxy.stop())
    asked.stop()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DELETE FROM inquiries")
        connection.commit()
    second = start_bench(store=sqlite_url)
    get(second.proxy.host.recovered())
    again = Asked(second)
    pending = get(second.proxy.inquiries(status="pending"))["inquiries"]
    inquiry = pending[0]["id"] if pending else again.next().id
    again.stop()
    get(second.proxy.answer_inquiry(inquiry, YES, by=person("mira")))
    assert output_of(get(second.proxy.handle(handle.id)))["answer"] == YES


def test_a_run_says_what_it_waits_for(asking: tuple[Bench, Asked]) -> None:
    """`why` names the inquiry."""
    bench, asked = asking
    handle = bench.submit(ASK)
    inquiry = asked.next()
    (wait,) = get(bench.proxy.why(handle.id))
    assert wait["kind"] == "inquiry"
    assert wait["text"].startswith("the task 'approve' waits since ")
    assert wait["text"].endswith(f" for an answer to the inquiry {inquiry.id}")


def test_runs_that_wait_for_people_hold_no_thread_and_no_permit(start_bench: Callable[..., Bench]) -> None:
    """Many more may wait than items may be in flight, and other work goes on."""
    bench = start_bench(max_items_in_flight=2)
    asked = Asked(bench)
    text = ASK.replace("core.ask", "core.ask\n    with_items: [1, 2, 3, 4, 5, 6, 7, 8]\n    concurrency: 8").partition(
        "output_map"
    )[0]
    get(bench.proxy.submit(bench.write(text)))
    inquiries = [asked.next() for _ in range(8)]
    threads = threading.active_count()
    for _ in range(40):
        get(bench.proxy.submit(bench.write(text)))
    inquiries += [asked.next() for _ in range(320)]
    assert threading.active_count() == threads
    echo = "ref: test.echo\ntasks: [{name: echo, action: core.echo, input: {message: 1}}]\n"
    assert outcome_of(bench.submit(echo)).status == "succeeded"
    assert len({each.id for each in inquiries}) == 328
    asked.stop()


def test_secret_members_of_an_answer_are_masked(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """In the inquiry and in reports of the run. The tasks that follow work with the real value."""
    key = tmp_path / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    bench = start_bench(store=durable_url, store_key=key)
    asked = Asked(bench)
    schema = "{type: object, properties: {code: {type: string, secret: true}}}"
    text = ASK.replace('"Deploy?"', f'"Deploy?", schema: {schema}')
    handle = bench.submit(text)
    inquiry = asked.next()
    answered = get(bench.proxy.answer_inquiry(inquiry.id, {"code": "hush-hush-1234"}))
    assert answered["response"] == {"code": "******"}
    outcome_of(handle)
    assert "hush-hush" not in str(get(bench.proxy.run(handle.id)))
    assert "hush-hush" not in str(get(bench.proxy.export(handle.id)))
    assert "hush-hush" not in str(get(bench.proxy.inquiries()))
    asked.stop()


def test_an_answer_to_a_run_that_has_just_ended_finds_no_inquiry(asking: tuple[Bench, Asked]) -> None:
    """The inquiry was read before the end: the answer is refused as after it."""
    bench, asked = asking
    handle = bench.submit(ASK + "cancellation_policy: cancel_running\n")
    inquiry = asked.next()
    row = StoredInquiry(1, inquiry, None)
    get(bench.proxy.cancel(handle.id))
    outcome_of(handle)
    answer = Answer(inquiry.id, YES, person("mira"), Deferred())
    bench.proxy.actor_ref.tell(InquiryFound(row, answer))
    with pytest.raises(InquiryEnded, match="has ended with its run"):
        answer_of(answer.reply)


def test_a_paused_run_that_only_waits_for_people_is_paused(asking: tuple[Bench, Asked]) -> None:
    """Nothing of it runs, and the question can be answered."""
    bench, asked = asking
    handle = bench.submit(ASK)
    inquiry = asked.next()
    get(bench.proxy.pause(handle.id))
    assert get(bench.proxy.status(handle.id))["status"] == "paused"
    get(bench.proxy.answer_inquiry(inquiry.id, YES))
    assert outcome_of(handle).status == "succeeded"


def test_a_question_its_reminder_and_its_end_are_events(asking: tuple[Bench, Asked]) -> None:
    """Each once. The reminder does not come to an inquiry that has ended."""
    bench, asked = asking
    services = get(bench.proxy.host.services())
    inbox = Inbox.start()
    told = messages_of(inbox)
    for name in (INQUIRY_ASKED, INQUIRY_REMINDER, INQUIRY_ENDED):
        services.events.listen(name, inbox)
    bench.submit(ASK.replace('"Deploy?"', '"Deploy?", remind_after: 0.0001, route: ops'))
    inquiry = asked.next()
    seen = [told.get(timeout=PATIENCE).event for _ in range(2)]
    assert [each.type for each in seen] == [INQUIRY_ASKED, INQUIRY_REMINDER]
    assert {(each.payload["inquiry"], each.payload["prompt"], each.payload["route"]) for each in seen} == {
        (inquiry.id, "Deploy?", "ops")
    }
    get(bench.proxy.answer_inquiry(inquiry.id, YES, by=person("mira")))
    ended = told.get(timeout=PATIENCE).event
    assert (ended.type, ended.payload["status"], ended.payload["answered_by"]) == (INQUIRY_ENDED, "answered", "mira")
    inbox.stop()
