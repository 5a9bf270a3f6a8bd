"""Personal links: each lets one person answer one inquiry, for as long as that waits."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.engine.inquiry_links import MAX_LINKS_OF_AN_INQUIRY, FoundLink
from stretto.actors.journal import (
    InquiryEnded,
    InvalidLink,
    Requester,
    UnknownInquiry,
    digest_of_link,
    new_key,
    open_reader,
)
from stretto.actors.runs import MayNotAnswer
from stretto.actors.runs.run_events import INQUIRY_ASKED
from stretto.definitions.errors import LimitExceeded
from tests.support.engines import Bench, outcome_of
from tests.support.inquiries import ASK, Asked
from tests.support.waiting import PATIENCE, Inbox, messages_of

YES = {"continue": True}
ADMIN = Requester(who="ada", via="api", source="10.0.0.9", role="admin")


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def code_of(made: dict[str, Any]) -> str:
    """Return the code of a link that was made."""
    path, _, code = made["url"].partition("#")
    assert path == f"/answer/{made['inquiry']}"
    return str(code)


def find(bench: Bench, inquiry: str, code: str, *, ended: bool = False) -> FoundLink:
    found: FoundLink = get(bench.proxy.host.find_link(inquiry, code, ended=ended))
    return found


@pytest.fixture(params=["memory", "store"])
def asking(
    request: pytest.FixtureRequest, start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> Iterator[tuple[Bench, Asked]]:
    """An engine without and with a store, and what its runs ask."""
    key = tmp_path / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    bench = start_bench(store=durable_url, store_key=key) if request.param == "store" else start_bench()
    asked = Asked(bench)
    yield bench, asked
    asked.stop()


def test_a_link_names_its_person_and_ends_with_its_inquiry(asking: tuple[Bench, Asked]) -> None:
    """Nobody learns from an error what is wrong with a code."""
    bench, asked = asking
    handle, other = bench.submit(ASK), bench.submit(ASK)
    inquiry, another = asked.next(), asked.next()
    made = get(bench.proxy.link_inquiry(inquiry.id, "mira", by=ADMIN))
    code = code_of(made)
    found = find(bench, inquiry.id, code)
    assert (found.inquiry["id"], found.person, found.role) == (inquiry.id, "mira", "admin")
    late = code_of(get(bench.proxy.link_inquiry(inquiry.id, "noor", 1e-9, by=ADMIN)))
    messages = set()
    for of_inquiry, wrong in ((another.id, code), (inquiry.id, code[:-1]), (inquiry.id, ""), (inquiry.id, late)):
        with pytest.raises(InvalidLink) as invalid:
            find(bench, of_inquiry, wrong)
        messages.add(str(invalid.value))
    person = Requester(who=found.person, via="link", source="192.0.2.1", role=found.role)
    assert get(bench.proxy.answer_inquiry(inquiry.id, YES, by=person))["answered_by"] == "mira"
    with pytest.raises(InvalidLink) as invalid:
        find(bench, inquiry.id, code)
    assert {str(invalid.value)} == messages
    assert find(bench, inquiry.id, code, ended=True).inquiry["answered_by"] == "mira"
    with pytest.raises(InquiryEnded, match=r"was answered by mira \(link\) at"):
        get(bench.proxy.link_inquiry(inquiry.id, "noor", by=ADMIN))
    (run,) = {handle.id, other.id} - {another.run_id}
    entries = [
        (each["who"], each["via"], each["operation"], each["target"]) for each in get(bench.proxy.audit())["entries"]
    ]
    assert entries[::-1] == [
        ("ada", "api", "link_inquiry", f"{run} {inquiry.id} mira"),
        ("ada", "api", "link_inquiry", f"{run} {inquiry.id} noor"),
        ("mira", "link", "answer_inquiry", f"{run} {inquiry.id}"),
    ]


def test_a_link_is_made_only_for_who_may_answer(asking: tuple[Bench, Asked]) -> None:
    """Not for the one who asked for the run, where someone else must answer."""
    bench, asked = asking
    text = ASK.replace("{prompt:", "{users: [mira, vera], not_requester: true, prompt:")
    get(bench.proxy.submit(bench.write(text), by=Requester(who="vera", via="api", source="", role="operator")))
    inquiry = asked.next()
    for person in ("noor", "vera"):
        with pytest.raises(MayNotAnswer, match=person):
            get(bench.proxy.link_inquiry(inquiry.id, person))
    assert get(bench.proxy.link_inquiry(inquiry.id, " mira "))["to"] == "mira"
    with pytest.raises(ValueError, match="must have 1 to 200 characters"):
        get(bench.proxy.link_inquiry(inquiry.id, " "))
    with pytest.raises(UnknownInquiry):
        get(bench.proxy.link_inquiry("nope", "mira"))


def test_an_inquiry_has_a_bounded_number_of_links(
    asking: tuple[Bench, Asked], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    assert MAX_LINKS_OF_AN_INQUIRY == 1_000
    monkeypatch.setattr("stretto.actors.engine.inquiry_links.MAX_LINKS_OF_AN_INQUIRY", 2)
    bench, asked = asking
    bench.submit(ASK)
    inquiry = asked.next()
    for _ in range(2):
        get(bench.proxy.link_inquiry(inquiry.id, "mira"))
    with pytest.raises(LimitExceeded, match="has 2 personal links"):
        get(bench.proxy.link_inquiry(inquiry.id, "mira"))


def test_a_link_survives_its_engine_and_no_store_has_its_code(
    start_bench: Callable[..., Bench], durable_url: str
) -> None:  # fmt: skip
    first = start_bench(store=durable_url)
    asked = Asked(first)
    first.submit(ASK)
    inquiry = asked.next()
    asked.stop()
    code = code_of(get(first.proxy.link_inquiry(inquiry.id, "mira")))
    get(first.proxy.stop())
    reader = open_reader(durable_url, None)
    link = reader.inquiries.find_link(digest_of_link(code))
    reader.close()
    assert link is not None
    assert code not in str(link)
    assert find(start_bench(store=durable_url), inquiry.id, code).person == "mira"


def test_a_link_is_good_at_every_engine_of_a_store(start_bench: Callable[..., Bench], postgres_url: str) -> None:
    """The engine that has the run takes the answer. Of two at once, the second is told who was first."""
    first, second = (start_bench(store=postgres_url, store_lease=30) for _ in range(2))
    asked = Asked(first)
    handle = first.submit(ASK)
    inquiry = asked.next()
    asked.stop()
    code = code_of(get(second.proxy.link_inquiry(inquiry.id, "mira", by=ADMIN)))
    found = find(second, inquiry.id, code)
    people = [Requester(who=name, via="link", source="", role=found.role) for name in ("mira", "noor")]
    benches = (second, first)
    answers = [each.proxy.answer_inquiry(inquiry.id, YES, by=by) for each, by in zip(benches, people, strict=True)]
    taken, refused = [], []
    for answer in answers:
        try:
            taken.append(get(answer)["answered_by"])
        except InquiryEnded as ended:
            refused.append(str(ended))
    assert len(taken) == 1
    assert len(refused) == 1
    assert f"was answered by {taken[0]} (link) at" in refused[0] or "just ended" in refused[0]
    assert outcome_of(handle).output is not None


def test_the_event_of_a_question_has_a_link_for_each_person(asking: tuple[Bench, Asked]) -> None:
    """Only who gets the event has them: what is shown of it has none."""
    bench, asked = asking
    inbox = Inbox.start()
    get(bench.proxy.host.services()).events.listen(INQUIRY_ASKED, inbox)
    bench.submit(ASK.replace("{prompt:", "{users: [mira, noor], links: true, prompt:"))
    inquiry = asked.next()
    event = messages_of(inbox).get(timeout=PATIENCE).event
    inbox.stop()
    links = event.payload["links"]
    assert list(links) == ["mira", "noor"]
    assert event.secret
    for user, url in links.items():
        assert find(bench, inquiry.id, url.partition("#")[2]).person == user
    shown = get(bench.proxy.event(event.id))
    assert (shown["payload"]["links"], shown["payload"]["prompt"]) == ("******", "Deploy?")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("links: true", "links needs users"),
        (f"links: true, users: {['u'] * 101}", "at most 100 names with links"),
    ],
)
def test_links_need_some_users(start_bench: Callable[..., Bench], given: str, problem: str) -> None:
    outcome = outcome_of(start_bench().submit(ASK.replace("{prompt:", f"{{{given}, prompt:")))
    assert problem in str(outcome.errors)
