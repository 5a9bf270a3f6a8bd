"""Attune's inquiries: an action makes one, and a later task waits for it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import RunHandle, RunWasParked
from stretto.actors.actions import InquiryLimits
from stretto.actors.journal import InquiryEnded, Requester, new_key
from stretto.actors.runs import InvalidAnswer, MayNotAnswer
from stretto.actors.runs.run_events import INQUIRY_ASKED, INQUIRY_ENDED, INQUIRY_REMINDER
from tests.support.engines import Bench, outcome_of
from tests.support.inquiries import Asked
from tests.support.pack_files import write_pack
from tests.support.waiting import PATIENCE, Inbox, messages_of

ASK = """
import json, os, sys, urllib.error, urllib.request
given = json.load(sys.stdin)
def ask(method, path, body):
    request = urllib.request.Request(
        os.environ["ATTUNE_API_URL"] + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["ATTUNE_API_TOKEN"], "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
answers = []
for method, path, body in given["calls"]:
    made = [body["data"]["id"] for status, body in answers if status == 201]
    answers.append(ask(method, path.replace("NUMBER", str(made[-1] if made else 1)), body))
made = [body["data"]["inquiry"]["id"] for status, body in answers if status == 201]
json.dump({"inquiry_id": made[-1] if made else None, "answers": answers}, sys.stdout)
"""
METADATA = (
    "ref: tools.ask\nrunner_type: python\nentry_point: ask.py\noutput_format: json\n"
    "parameters: {calls: {type: array, required: true}}\n"
)
POST: list[Any] = ["POST", "/api/v1/inquiries", {
    "purpose": "approval", "prompt": "Deploy?", "timeout_seconds": 3600, "assigned_to": "mira",
    "response_schema": {"approved": {"type": "boolean", "required": True}, "reason": {"type": "string"}},
}]  # fmt: skip
WORKFLOW = """
tasks:
- {name: request, action: tools.ask, input: {calls: CALLS}, next: [{do: [deploy]}]}
- name: deploy
  action: core.echo
  wait_for: {inquiry: "{{ task.request.inquiry_id }}"}
  input: {message: "{{ inquiry.deploy.response.reason }}"}
  next:
  - {when: "{{ timed_out() }}", publish: [{late: "{{ result() }}"}], do: [give_up]}
  - {when: "{{ succeeded() }}", publish: [{by: "{{ inquiry.deploy.responded_by }}"}]}
- {name: give_up, action: core.noop}
vars: {late: null, by: null}
output_map:
  said: "{{ task.deploy.result }}"
  by: "{{ workflow.by }}"
  late: "{{ workflow.late }}"
  status: "{{ inquiry.deploy.status }}"
  answers: "{{ task.request.answers }}"
"""


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def person(name: str) -> Requester:
    return Requester(who=name, via="api", source="10.0.0.9", role="operator")


def workflow(*calls: list[Any]) -> str:
    return WORKFLOW.replace("CALLS", json.dumps(calls))


def post(**fields: Any) -> list[Any]:
    """Return a call that makes an inquiry, with these fields instead of others. None leaves one out."""
    body = {name: value for name, value in {**POST[2], **fields}.items() if value is not None}
    return ["POST", "/api/v1/inquiries", body]


def output_of(handle: RunHandle) -> dict[str, Any]:
    outcome = outcome_of(handle)
    assert outcome.output is not None, outcome
    return outcome.output


def submit_and_wait(bench: Bench, definition: str) -> RunHandle:
    """Start a run, and return it when its task waits for the inquiry."""
    watcher = Inbox.start()
    seen = messages_of(watcher)
    handle = bench.submit(definition, watcher=watcher)
    while seen.get(timeout=PATIENCE).tasks["deploy"]["status"] != "awaiting":
        pass
    watcher.stop()
    return handle


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack whose action sends requests to the API and returns the number of the last inquiry it has made."""
    return write_pack(tmp_path / "tools", actions__ask_dot_py=ASK, actions__ask_dot_yaml=METADATA)


@pytest.fixture(params=["memory", "store"])
def asking(
    request: pytest.FixtureRequest, start_bench: Callable[..., Bench], durable_url: str, pack: Path
) -> Iterator[tuple[Bench, Asked]]:
    """An engine without and with a store, and what its runs ask."""
    bench = start_bench(store=durable_url if request.param == "store" else None, packs=pack)
    asked = Asked(bench)
    yield bench, asked
    asked.stop()


def test_a_task_waits_for_the_inquiry_of_an_action_and_reads_the_answer(asking: tuple[Bench, Asked]) -> None:
    """The inquiry names the task that has asked, and `why` says what the other one waits for."""
    bench, asked = asking
    handle = bench.submit(workflow(POST))
    inquiry = asked.next()
    assert (inquiry.task, inquiry.question.prompt, inquiry.question.users) == ("request", "Deploy?", ("mira",))
    (listed,) = get(bench.proxy.inquiries(status="pending"))["inquiries"]
    assert (listed["id"], listed["task"]) == (inquiry.id, "request")
    with pytest.raises(MayNotAnswer, match="must be answered by mira"):
        get(bench.proxy.answer_inquiry(inquiry.id, {"approved": True}, by=person("noor")))
    with pytest.raises(InvalidAnswer, match="approved"):
        get(bench.proxy.answer_inquiry(inquiry.id, {"approved": "yes"}, by=person("mira")))
    answer = {"approved": True, "reason": "tests are green"}
    answered = get(bench.proxy.answer_inquiry(inquiry.id, answer, by=person("mira")))
    assert (answered["status"], answered["answered_by"], answered["response"]) == ("answered", "mira", answer)
    output = output_of(handle)
    assert (output["said"], output["by"], output["status"]) == ("tests are green", "mira", "responded")
    assert get(bench.proxy.inquiry(inquiry.id)) == answered
    with pytest.raises(InquiryEnded, match=r"was answered by mira \(api\)"):
        get(bench.proxy.answer_inquiry(inquiry.id, answer, by=person("mira")))


def test_an_inquiry_that_times_out_times_the_waiting_task_out(start_bench: Callable[..., Bench], pack: Path) -> None:
    """Its own transition follows, and reads Attune's result. The action does not run."""
    bench = start_bench(packs=pack)
    output = output_of(bench.submit(workflow(post(timeout_seconds=0.05))))
    number = output["late"]["inquiry_id"]
    assert output["late"] == {"code": "inquiry_timeout", "inquiry_id": number, "status": "timeout"}
    assert (output["status"], output["said"]) == ("timeout", output["late"])
    (listed,) = get(bench.proxy.inquiries())["inquiries"]
    assert listed["status"] == "timed_out"


def test_a_repeated_request_makes_one_inquiry_and_another_one_conflicts(asking: tuple[Bench, Asked]) -> None:
    """The same purpose of the same item is the same inquiry, whatever attempt asks."""
    bench, asked = asking
    other = post(purpose="other", prompt="And now?")
    handle = bench.submit(workflow(POST, POST, post(prompt="Else?"), other, POST))
    first, second = asked.next(), asked.next()
    assert (first.question.prompt, second.question.prompt) == ("Deploy?", "And now?")
    get(bench.proxy.answer_inquiry(first.id, {"approved": True}, by=person("mira")))
    answers = output_of(handle)["answers"]
    assert [status for status, _ in answers] == [201, 201, 409, 201, 201]
    numbers = [answer["data"]["id"] for status, answer in answers if status == 201]
    assert numbers[0] == numbers[1] == numbers[3] != numbers[2]
    assert "with other fields" in answers[2][1]["error"]
    assert asked.next_end().id == first.id
    ended = asked.next_end()
    assert (ended.id, ended.status) == (second.id, "cancelled")  # with the run, which does not wait for it


def test_what_cannot_be_asked_is_refused_by_name(start_bench: Callable[..., Bench], pack: Path) -> None:
    """Each refusal says what to write."""
    bench = start_bench(packs=pack)
    calls = [
        post(prompt=""),
        post(promt="x"),
        post(assigned_to=42),
        post(response_options=[]),
        post(execution=1),
        post(timeout_at="2026-01-01T00:00:00Z"),
        post(timeout_seconds=-1),
        post(users=["noor"]),
        post(purpose="p" * 201),
        post(response_schema={"approved": {"type": "boolean", "wrong": 1}}),
        post(prompt="x" * 70_000),
        post(prompt="x" * 140_000),
        ["POST", "/api/v1/inquiries", [1]],
        ["PUT", "/api/v1/inquiries/7", {"status": "cancelled"}],
        ["GET", "/api/v1/inquiries/7", None],
        ["GET", "/api/v1/inquiries/x", None],
        ["GET", "/api/v1/inquiries", None],
        ["DELETE", "/api/v1/inquiries/7", None],
    ]
    output = output_of(bench.submit(workflow(*calls)))
    assert [status for status, _ in output["answers"]] == [422] * 11 + [413, 422, 404, 404, 404, 405, 405]
    errors = [answer["error"] for _, answer in output["answers"]]
    for error, words in zip(
        errors,
        ("prompt", "prompt", "'mira'", "links", "run of the action", "timeout_seconds", "above 0", "one of them",
         "MAX_PURPOSE", "'wrong'", "MAX_QUESTION_BYTES", "inquiries.max_bytes", "object"),
        strict=False,
    ):  # fmt: skip
        assert words in error
    assert output["said"] == {"code": "inquiry_reference_invalid"}  # the action has returned no number


def test_what_actions_ask_is_bounded_by_the_settings(start_bench: Callable[..., Bench], pack: Path) -> None:
    """The number of inquiries of a run, however they are spread over its items, and the bytes of a request."""
    bench = start_bench(packs=pack, inquiry_limits=InquiryLimits(max_made=1, max_bytes=2_000))
    handle = bench.submit(workflow(post(prompt="x" * 2_000), post(purpose="a"), post(purpose="a"), post(purpose="b")))
    asked = Asked(bench)
    get(bench.proxy.answer_inquiry(asked.next().id, {"approved": True}, by=person("mira")))
    output = output_of(handle)
    assert [status for status, _ in output["answers"]] == [413, 201, 201, 409]
    assert "at most 2,000 bytes (inquiries.max_bytes), got" in output["answers"][0][1]["error"]
    assert "at most 1 inquiries (inquiries.max_made)" in output["answers"][3][1]["error"]
    asked.stop()


def test_an_action_cancels_its_inquiry_when_it_cannot_deliver_it(asking: tuple[Bench, Asked]) -> None:
    """The task that waits fails, and an answer comes too late."""
    bench, asked = asking
    cancel = ["PUT", "/api/v1/inquiries/NUMBER", {"status": "cancelled"}]
    definition = workflow(POST, cancel, cancel, ["GET", "/api/v1/inquiries/NUMBER", None])
    handle = bench.submit(definition.replace("{{ timed_out() }}", "{{ failed() }}"))
    inquiry = asked.next()
    output = output_of(handle)
    assert [status for status, _ in output["answers"]] == [201, 200, 409, 200]
    assert output["answers"][3][1]["data"]["status"] == "cancelled"
    number = output["answers"][0][1]["data"]["id"]
    assert output["late"] == {"code": "inquiry_cancelled", "inquiry_id": number, "status": "cancelled"}
    with pytest.raises(InquiryEnded):
        get(bench.proxy.answer_inquiry(inquiry.id, {"approved": True}, by=person("mira")))


def test_why_names_the_inquiry_that_a_task_waits_for(start_bench: Callable[..., Bench], pack: Path) -> None:
    """The task is `awaiting`, and runs nothing."""
    bench = start_bench(packs=pack)
    asked = Asked(bench)
    handle = submit_and_wait(bench, workflow(POST))
    inquiry = asked.next()
    (wait,) = get(bench.proxy.why(handle.id))
    assert (wait["kind"], wait["task"], wait["inquiry"]) == ("inquiry", "deploy", inquiry.id)
    assert f"for an answer to the inquiry {inquiry.id}" in wait["text"]
    get(bench.proxy.cancel(handle.id))
    assert outcome_of(handle).status == "cancelled"
    assert asked.next_end().status == "cancelled"
    asked.stop()


def test_a_run_that_waits_for_an_inquiry_is_parked_and_waits_on(
    start_bench: Callable[..., Bench], durable_url: str, pack: Path
) -> None:
    """Nothing is asked again, and the answer starts the task."""
    first = start_bench(store=durable_url, packs=pack)
    asked = Asked(first)
    handle = submit_and_wait(first, workflow(POST))
    inquiry = asked.next()
    get(first.proxy.stop())  # without a limit: only people could let the run go on
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    asked.stop()
    second = start_bench(store=durable_url, packs=pack)
    get(second.proxy.host.recovered())
    (listed,) = get(second.proxy.inquiries())["inquiries"]
    assert (listed["id"], listed["status"]) == (inquiry.id, "pending")
    get(second.proxy.answer_inquiry(inquiry.id, {"approved": True, "reason": "ok"}, by=person("mira")))
    output = output_of(get(second.proxy.handle(handle.id)))
    assert (output["said"], output["by"]) == ("ok", "mira")
    (listed,) = get(second.proxy.inquiries())["inquiries"]
    assert (listed["id"], listed["status"]) == (inquiry.id, "answered")


def test_secret_members_of_an_answer_are_masked(
    start_bench: Callable[..., Bench], durable_url: str, pack: Path, tmp_path: Path
) -> None:
    """In the inquiry and in reports of the run. The task that has waited works with the real value, also recovered."""
    key = tmp_path / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    bench = start_bench(store=durable_url, store_key=key, packs=pack)
    asked = Asked(bench)
    schema = {"reason": {"type": "string", "secret": True}}
    definition = workflow(post(response_schema=schema)).replace("core.echo", "core.noop").replace(
        '  input: {message: "{{ inquiry.deploy.response.reason }}"}\n', ""
    ) + '  size: "{{ inquiry.deploy.response.reason | length }}"\n'  # fmt: skip
    handle = bench.submit(definition)
    inquiry = asked.next()
    answer = {"reason": "hush-hush-1234"}
    answered = get(bench.proxy.answer_inquiry(inquiry.id, answer, by=person("mira")))
    assert answered["response"] == {"reason": "******"}
    assert output_of(handle)["size"] == len("hush-hush-1234")
    for shown in (bench.proxy.run(handle.id), bench.proxy.inquiries(), bench.proxy.inquiry(inquiry.id)):
        assert "hush-hush" not in str(get(shown))
    entries = get(bench.proxy.export(handle.id))["entries"]
    assert [each["type"] for each in entries if "inquiry" in each["type"]] == ["inquiry_made", "inquiry_settled"]
    assert [each for each in entries if "hush-hush" in str(each)] == []
    asked.stop()


def test_a_question_its_reminder_and_its_end_are_events(asking: tuple[Bench, Asked]) -> None:
    """As for `core.ask`, whose other inputs a request may have."""
    bench, asked = asking
    services = get(bench.proxy.host.services())
    inbox = Inbox.start()
    told = messages_of(inbox)
    for name in (INQUIRY_ASKED, INQUIRY_REMINDER, INQUIRY_ENDED):
        services.events.listen(name, inbox)
    bench.submit(workflow(post(remind_after=0.0001, route="ops")))
    inquiry = asked.next()
    seen = [told.get(timeout=PATIENCE).event for _ in range(2)]
    assert [each.type for each in seen] == [INQUIRY_ASKED, INQUIRY_REMINDER]
    assert {(each.payload["inquiry"], each.payload["task"], each.payload["route"]) for each in seen} == {
        (inquiry.id, "request", "ops")
    }
    get(bench.proxy.answer_inquiry(inquiry.id, {"approved": True}, by=person("mira")))
    ended = told.get(timeout=PATIENCE).event
    assert (ended.type, ended.payload["status"], ended.payload["answered_by"]) == (INQUIRY_ENDED, "answered", "mira")
    inbox.stop()


def test_an_answer_to_a_paused_run_starts_the_task_at_the_resume(asking: tuple[Bench, Asked]) -> None:
    """The answer is taken at once."""
    bench, asked = asking
    handle = submit_and_wait(bench, workflow(POST))
    inquiry = asked.next()
    get(bench.proxy.pause(handle.id))
    get(bench.proxy.answer_inquiry(inquiry.id, {"approved": True, "reason": "ok"}, by=person("mira")))
    status = get(bench.proxy.status(handle.id))
    assert (status["status"], status["tasks"]["deploy"]["status"]) == ("paused", "held")
    get(bench.proxy.resume(handle.id))
    assert output_of(handle)["said"] == "ok"


def test_actions_of_a_run_in_which_nothing_waits_make_no_inquiry(start_bench: Callable[..., Bench], pack: Path) -> None:
    """They get no access at all, unless their pack has keys."""
    bench = start_bench(packs=pack)
    get(bench.proxy.set_key("any", 1, scope="pack", owner="tools"))
    calls = json.dumps([POST])
    task = f"tasks: [{{name: t, action: tools.ask, input: {{calls: {calls}}}}}]"
    output = output_of(bench.submit(f"{task}\noutput_map: {{got: '{{{{ task.t.answers }}}}'}}"))
    ((status, answer),) = output["got"]
    assert status == 404
    assert "wait_for: {inquiry: ...}" in answer["error"]
