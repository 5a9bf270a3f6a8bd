"""Actors that own no thread, beginning with the properties of every Pykka actor."""

from __future__ import annotations

import collections
import gc
import logging
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pykka.messages import ProxyCall

from stretto.actors.dispatch import Deferred, DispatchedActor, Dispatcher, LightActor
from stretto.actors.dispatch.deferred import Reply
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Probe(DispatchedActor):
    """Does what its messages say, and notes in `seen` what happened to it."""

    cat = "Felix"

    def __init__(self, seen: list[object] | None = None, *, failing: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.seen = [] if seen is None else seen
        self.failing = failing
        self.ended = threading.Event()
        self.failure: BaseException | None = None

    def on_start(self) -> None:
        self._note("on_start")

    def on_turn_end(self) -> None:
        if "on_turn_end" in self.failing:
            self._note("on_turn_end")

    def on_stop(self) -> None:
        try:
            self._note("on_stop")
        finally:
            self.ended.set()

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        self.failure = value
        try:
            self._note("on_failure")
        finally:
            self.ended.set()

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        if isinstance(message, BaseException):
            raise message
        self.seen.append(message)
        return message

    def add(self, a: int, b: int = 1) -> int:
        return a + b

    def raises(self, error: BaseException) -> NoReturn:
        raise error

    def _note(self, hook: str) -> None:
        self.seen.append(hook)
        if hook in self.failing:
            raise ValueError(hook)


class Unregistered(Probe):
    registered: ClassVar[bool] = False


@pytest.fixture(scope="module", autouse=True)
def no_shared_dispatcher_is_left() -> Iterator[None]:
    """Other modules count threads: those of the shared dispatcher end with these tests."""
    yield
    Dispatcher.shared().stop()


@pytest.fixture
def dispatchers() -> Iterator[Callable[..., Dispatcher]]:
    """Make dispatchers that, when the test is over, have no actor left that could be stopped."""
    made: list[Dispatcher] = []

    def make(threads: int = 2, *, turn: int = 64) -> Dispatcher:
        made.append(Dispatcher(threads, turn=turn))
        return made[-1]

    yield make
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)
    for dispatcher in made:
        dispatcher.stop()
        assert not any(dispatcher.alive().values())


@pytest.fixture
def dispatcher(dispatchers: Callable[..., Dispatcher]) -> Dispatcher:
    return dispatchers()


@pytest.fixture
def ref(dispatcher: Dispatcher) -> pykka.ActorRef[Probe]:
    return Probe.start_on(dispatcher)


@pytest.fixture
def seen() -> list[object]:
    """The list in which a Probe notes its hooks."""
    return []


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Let the interpreter switch threads as often as it can, so that races happen."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log nothing: pytest keeps log records, and with them tracebacks, frames, and the actors in these."""
    monkeypatch.setattr(logging.getLogger("stretto.actors"), "disabled", True)


def hold(ref: pykka.ActorRef[Any]) -> threading.Event:
    """Keep an actor in a handler until the event is set; it is in there when this returns."""
    entered, go_on = threading.Event(), threading.Event()

    def handler(_actor: object) -> None:
        entered.set()
        go_on.wait(PATIENCE)

    ref.tell(handler)
    assert entered.wait(PATIENCE)
    return go_on


def stop(ref: pykka.ActorRef[Any]) -> bool:
    return ref.stop(block=True, timeout=PATIENCE)


def ask(ref: pykka.ActorRef[Any], message: object) -> Any:
    return ref.ask(message, timeout=PATIENCE)


def actor_of(ref: pykka.ActorRef[Probe]) -> Probe:
    actor = ref._actor_weakref()
    assert actor is not None
    return actor


# Pykka's own tests of actors.


def test_urns_differ_and_name_the_class(dispatcher: Dispatcher) -> None:
    """Every actor has its own URN, which tells its class and is found in what the actor and its ref print."""
    refs = [Probe.start_on(dispatcher) for _ in range(3)]
    assert len({ref.actor_urn for ref in refs}) == 3
    for ref in refs:
        assert ref.actor_urn.startswith("urn:stretto:Probe:")
        assert ref.actor_urn in str(ref)
        assert ref.actor_urn in str(actor_of(ref))
        assert repr(ref) == f"<ActorRef for Probe ({ref.actor_urn})>"


def test_init_takes_any_arguments() -> None:
    """The base class takes any arguments, as Pykka's does, so that subclasses can pass theirs on."""
    assert DispatchedActor(1, 2, three=3).actor_ref.is_alive()


def test_start_runs_on_the_shared_dispatcher() -> None:
    """`start()` without more uses the shared dispatcher, and a new one after that was stopped."""
    first = Dispatcher.shared()
    assert Dispatcher.shared() is first
    ref = Probe.start()
    assert first.alive()["Probe"] == 1
    assert stop(ref)
    first.stop()
    second = Dispatcher.shared()
    assert second is not first
    assert ask(again := Probe.start(), 1) == 1
    assert stop(again)


def test_on_start_precedes_messages_on_a_dispatcher_thread(seen: list[object], dispatcher: Dispatcher) -> None:
    """on_start runs on a dispatcher thread, when the actor is registered, and before the first message."""
    threads, registered = [], []

    class Starting(Probe):
        def on_start(self) -> None:
            threads.append(threading.current_thread().name)
            registered.append(pykka.ActorRegistry.get_by_urn(self.actor_urn))
            super().on_start()

    ref = Starting.start_on(dispatcher, seen)
    assert ask(ref, "first") == "first"
    assert seen == ["on_start", "first"]
    assert registered == [ref]
    assert threads[0].startswith("stretto-dispatcher-")


def test_on_start_runs_without_any_message(dispatcher: Dispatcher) -> None:
    """on_start does not wait for a message."""
    started = threading.Event()

    class Starting(Probe):
        def on_start(self) -> None:
            started.set()

    Starting.start_on(dispatcher)
    assert started.wait(PATIENCE)


def test_init_can_send_to_itself(seen: list[object], dispatcher: Dispatcher) -> None:
    """A message that an actor sends itself in `__init__` is handled first, after on_start."""

    class Eager(Probe):
        def __init__(self, seen: list[object]) -> None:
            super().__init__(seen)
            self.actor_ref.tell("from init")

    ask(Eager.start_on(dispatcher, seen), "from outside")
    assert seen == ["on_start", "from init", "from outside"]


class Renamed(Probe, label="Former"):
    """Is counted under its former name."""


class Further(Renamed):
    """Is counted under its own name."""


def test_a_label_stands_for_the_name_of_a_class(dispatcher: Dispatcher) -> None:
    """In what is counted, and in the actor's own name; a subclass has a label of its own."""
    ref = Renamed.start_on(dispatcher)
    assert dispatcher.alive() == {"Former": 1}
    assert ref.actor_urn.startswith("urn:stretto:Former:")
    ref.stop()
    further = Further.start_on(dispatcher)
    assert dispatcher.alive()["Further"] == 1
    further.stop()


class ShortLived(Probe):
    """Stops at once on the message "end"."""

    registered: ClassVar[bool] = False

    def on_receive(self, message: Any) -> Any:
        if message == "end":
            self._stop()
        return super().on_receive(message)


def test_performing_begins_with_a_message(seen: list[object], dispatcher: Dispatcher) -> None:
    """An actor that is started to perform finds that message first, and takes more; what comes late is dropped."""
    entered, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def first(actor: Probe) -> None:
        actor.ended = ended
        entered.set()
        gate.wait(PATIENCE)

    mailbox = ShortLived.start_with(dispatcher, first, seen)
    assert entered.wait(PATIENCE)
    for message in ("second", "end", "too late"):
        mailbox.tell(message)
    gate.set()
    assert ended.wait(PATIENCE)
    dispatcher.stop()
    assert seen == ["on_start", "second", "on_stop", "end"]
    with pytest.raises(pykka.ActorDeadError, match="ShortLived"):
        mailbox.tell("later still")


class Brief(LightActor, ShortLived):
    """Keeps the thread of each message, and fails at "fail"."""

    def __init__(self, turns: list[object]) -> None:
        super().__init__([])
        self._turns = turns

    def on_receive(self, message: Any) -> Any:
        self._turns.append((message, threading.current_thread()))
        if message == "fail":
            raise ValueError(message)
        if message == "end":
            self._stop()

    def on_failure(self, *_exc_info: object) -> None:
        self._turns.append("on_failure")


def test_a_first_turn_is_taken_within_that_of_the_caller(dispatcher: Dispatcher) -> None:
    """Before the call returns, and also if it is the last one. Further turns are the dispatcher's."""
    here, lane = threading.current_thread(), dispatcher.lane()
    turns: list[Any] = []
    ended = Brief.start_lightly(lane, "end", turns, at_once=True)
    assert turns == [("end", here)]
    assert ended.actor_inbox.closed
    assert dispatcher.alive() == {"Brief": 0}
    failed = Brief.start_lightly(lane, "fail", turns, at_once=True)
    assert turns[1:] == [("fail", here), "on_failure"]
    assert failed.actor_inbox.closed
    living = Brief.start_lightly(lane, "begin", turns, at_once=True)
    assert dispatcher.alive() == {"Brief": 1}
    living.actor_inbox.tell("end")
    dispatcher.stop()
    (begin, first), (end, second) = turns[3:]
    assert (begin, first, end) == ("begin", here, "end")
    assert second is not here
    with pytest.raises(pykka.ActorDeadError):
        living.actor_inbox.tell("late")


def test_performing_is_refused_when_the_dispatcher_has_stopped(dispatcher: Dispatcher) -> None:
    """As starting is."""
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        ShortLived.start_with(dispatcher, "first")
    assert dispatcher.alive().get("ShortLived", 0) == 0


def test_on_start_can_stop_the_actor(dispatcher: Dispatcher) -> None:
    """An actor that stops itself in on_start has its on_stop called, and is dead then."""
    ended = threading.Event()

    class Short(DispatchedActor):
        def on_start(self) -> None:
            self.stop()

        def on_stop(self) -> None:
            ended.set()

    ref = Short.start_on(dispatcher)
    assert ended.wait(PATIENCE)
    assert not ref.is_alive()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_failing_on_start_stops_the_actor(
    seen: list[object], dispatcher: Dispatcher, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """An actor whose on_start raises is stopped without any other hook, and answers with ActorDeadError."""

    class Stillborn(Probe):
        def __init__(self, seen: list[object]) -> None:
            super().__init__(seen)
            early.append(self.actor_ref.ask("early", block=False))

        def on_start(self) -> None:
            raise error

    early: list[pykka.Future[Any]] = []
    ref = Stillborn.start_on(dispatcher, seen)
    with pytest.raises(pykka.ActorDeadError):
        early[0].get(timeout=PATIENCE)
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()
    assert seen == []
    assert [(record.name, record.levelname) for record in caplog.records] == [("stretto.actors", "ERROR")]


def test_stop_calls_on_stop_and_says_whether_it_stopped(seen: list[object], dispatcher: Dispatcher) -> None:
    """`stop()` returns when on_stop has ended: True the first time, False for a dead actor."""
    ref = Probe.start_on(dispatcher, seen)
    assert ref.is_alive()
    assert stop(ref) is True
    assert not ref.is_alive()
    assert seen == ["on_start", "on_stop"]
    assert ref not in pykka.ActorRegistry.get_all()
    assert stop(ref) is False


def test_messages_before_the_stop_are_handled(seen: list[object], dispatcher: Dispatcher) -> None:
    """Messages before the stop are handled before it, also when the actor stops itself, even twice."""

    def handler(actor: Probe) -> None:
        actor.actor_ref.tell("mine")
        actor.stop()
        actor.stop()

    ref = Probe.start_on(dispatcher, seen)
    ended = actor_of(ref).ended
    ask(ref, handler)
    assert ended.wait(PATIENCE)
    assert seen == ["on_start", "mine", "on_stop"]


def test_messages_behind_the_stop_are_answered(ref: pykka.ActorRef[Probe]) -> None:
    """A question behind a stop gets ActorDeadError, and a further stop gets its answer."""
    go_on = hold(ref)
    first = ref.stop(block=False)
    late = ref.ask("late", block=False)
    ref.tell("dropped")
    second = ref.stop(block=False)
    go_on.set()
    assert first.get(timeout=PATIENCE) is True
    assert second.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling the message"):
        late.get(timeout=PATIENCE)


def test_dropped_messages_are_logged(dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    """Messages behind a stop are dropped with a line at DEBUG that counts them, without further stops."""
    caplog.set_level(logging.DEBUG, "stretto.actors")
    for sent in (2, 0):
        ref = Probe.start_on(dispatcher)
        go_on = hold(ref)
        ref.tell(lambda actor: actor.stop())
        ref.tell("before the stop")
        stopped = ref.ask(lambda actor, sent=sent: [actor.actor_ref.tell("late") for _ in range(sent)], block=False)
        late = ref.stop(block=False)
        go_on.set()
        assert stopped.get(timeout=PATIENCE) == [None] * sent
        assert late.get(timeout=PATIENCE) is True
    dispatcher.stop()  # the line is written after the answers
    texts = [record.getMessage() for record in caplog.records if record.name == "stretto.actors"]
    assert [text.partition(" stopped ")[2] for text in texts] == ["before handling 2 messages"]


def test_dead_actor_raises(ref: pykka.ActorRef[Probe]) -> None:
    """A stopped actor takes no message, no question and no proxy: ActorDeadError with Pykka's own text."""
    stop(ref)
    for attempt in (ref.tell, ref.ask):
        with pytest.raises(pykka.ActorDeadError, match="not found"):
            attempt("message")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("message", block=False).get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


@pytest.mark.parametrize("message", [123, 1.5, {"a": "dict"}, ("a", "tuple"), ["a", "list"], None])
def test_any_object_is_a_message(ref: pykka.ActorRef[Probe], message: object) -> None:
    """ask returns what the handler returned, for messages of any type."""
    assert ask(ref, message) == message


def test_ask_can_time_out(ref: pykka.ActorRef[Probe]) -> None:
    """ask raises Timeout if the answer is not there in time, and the actor is none the worse."""
    go_on = hold(ref)
    with pytest.raises(pykka.Timeout):
        ref.ask("late", timeout=0)
    go_on.set()
    assert ask(ref, "alive") == "alive"


def test_a_message_may_be_any_tuple(ref: pykka.ActorRef[Probe]) -> None:
    """Only Pykka's own messages are special: a prepared ProxyCall calls, an equal plain tuple does not."""
    assert ask(ref, ProxyCall(("add",), (1,), {"b": 2})) == 3
    assert ask(ref, (("add",), (1,), {"b": 2})) == (("add",), (1,), {"b": 2})
    assert ask(ref, ()) == ()


def test_default_on_receive_logs(dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    """An actor without on_receive answers None and logs a warning, as in Pykka."""
    assert ask(DispatchedActor.start_on(dispatcher), "what?") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_proxy_calls_reads_and_writes(ref: pykka.ActorRef[Probe]) -> None:
    """A proxy calls methods, reads attributes and writes them, in the actor's own order."""
    proxy = ref.proxy()
    assert proxy.add(1, b=2).get(timeout=PATIENCE) == 3
    assert proxy.cat.get(timeout=PATIENCE) == "Felix"
    proxy.cat = "Tom"
    assert proxy.cat.get(timeout=PATIENCE) == "Tom"
    with pytest.raises(AttributeError):
        _ = proxy.dog
    with pytest.raises(KeyError):
        proxy.raises(KeyError("k")).get(timeout=PATIENCE)
    proxy.on_receive.defer("deferred")
    assert proxy.seen.get(timeout=PATIENCE) == ["on_start", "deferred"]
    proxy.stop().get(timeout=PATIENCE)
    stop(ref)
    with pytest.raises(pykka.ActorDeadError):
        proxy.add(1).get(timeout=PATIENCE)


def test_proxy_offers_nothing_of_the_machinery(ref: pykka.ActorRef[Probe]) -> None:
    """Beyond Pykka's own names, a proxy offers only what the actor's class declares for its users."""
    offered = {name for name in dir(DispatchedActor) if not name.startswith("_")}
    assert offered - set(dir(pykka.Actor)) == {
        "actor_inbox", "actor_stopped", "actor_urn", "registered", "start_on", "start_with",
        "on_turn_end",
    }  # fmt: skip


def test_futures_combine(ref: pykka.ActorRef[Probe]) -> None:
    """Replies are Pykka futures: map, filter, reduce, join, get_all and await work on them."""
    proxy = ref.proxy()
    one, two = proxy.add(0), proxy.add(1)
    assert one.map(lambda value: value + 10).get(timeout=PATIENCE) == 11
    assert one.join(two).get(timeout=PATIENCE) == [1, 2]
    assert ref.ask([1, 2, 3], block=False).filter(lambda n: n > 1).get(timeout=PATIENCE) == [2, 3]
    assert ref.ask([1, 2], block=False).reduce(lambda a, b: a + b).get(timeout=PATIENCE) == 3
    assert pykka.get_all([one, two], timeout=PATIENCE) == [1, 2]
    assert isinstance(one, Reply)


def test_registry_knows_the_actors(dispatcher: Dispatcher) -> None:
    """The registry finds dispatched actors by class, name and URN, and broadcasts to them."""
    refs = [Probe.start_on(dispatcher) for _ in range(3)]
    assert pykka.ActorRegistry.get_by_class(Probe) == refs
    assert pykka.ActorRegistry.get_by_class(DispatchedActor) == refs
    assert pykka.ActorRegistry.get_by_class_name("Probe") == refs
    assert pykka.ActorRegistry.get_by_urn(refs[1].actor_urn) is refs[1]
    pykka.ActorRegistry.broadcast("hello", Probe)
    for ref in refs:
        assert ref.proxy().seen.get(timeout=PATIENCE) == ["on_start", "hello"]


def test_stop_all_stops_last_started_first(dispatcher: Dispatcher) -> None:
    """stop_all stops dispatched actors in the reverse order of their start and leaves none."""
    order: list[int] = []

    class Ordered(DispatchedActor):
        def __init__(self, number: int) -> None:
            super().__init__()
            self._number = number

        def on_stop(self) -> None:
            order.append(self._number)

    for number in range(4):
        Ordered.start_on(dispatcher, number)
    assert pykka.ActorRegistry.stop_all(block=True, timeout=PATIENCE) == [True] * 4
    assert order == [3, 2, 1, 0]
    assert pykka.ActorRegistry.get_all() == []
    assert dispatcher.alive() == {"Ordered": 0}


def test_unregistered_actors_are_not_in_the_registry(dispatcher: Dispatcher) -> None:
    """A class with registered = False lives and dies without the registry."""
    ref = Unregistered.start_on(dispatcher)
    assert pykka.ActorRegistry.get_all() == []
    assert pykka.ActorRegistry.stop_all() == []
    assert ask(ref, "alive") == "alive"
    assert stop(ref)


def test_actors_with_and_without_threads_talk(ref: pykka.ActorRef[Probe]) -> None:
    """A ThreadingActor and a dispatched one ask and tell each other."""

    class Threaded(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message(self) if callable(message) else [message]

    other = Threaded.start()
    assert ask(ref, lambda _: ask(other, "question")) == ["question"]
    assert ask(other, lambda _: ask(ref, "question")) == "question"
    sent: pykka.Future[str] = pykka.ThreadingFuture()
    ref.tell(lambda _: other.tell(lambda _: ref.tell(lambda _: sent.set("sent"))))
    assert sent.get(timeout=PATIENCE) == "sent"
    stop(other)


# Failures.


def test_failing_tell_stops_only_this_actor(
    seen: list[object], dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception while a tell is handled is logged, and ends its actor with on_failure, not on_stop."""
    ref, other = Probe.start_on(dispatcher, seen), Probe.start_on(dispatcher)
    probe = actor_of(ref)
    ref.tell(error := ValueError("sent"))
    assert probe.ended.wait(PATIENCE)
    assert not ref.is_alive()
    assert seen == ["on_start", "on_failure"]
    assert probe.failure is error
    assert pykka.ActorRegistry.get_all() == [other]
    assert ask(other, "alive") == "alive"
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("stretto.actors", "ERROR")
    assert record.getMessage() == f"{ref} failed and is stopped"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_failing_ask_goes_back_to_the_caller(ref: pykka.ActorRef[Probe], caplog: pytest.LogCaptureFixture) -> None:
    """An exception while an ask is handled is raised at the caller, logged at DEBUG, and the actor lives."""
    caplog.set_level(logging.DEBUG, "stretto.actors")
    with pytest.raises(ValueError, match="asked"):
        ask(ref, ValueError("asked"))
    assert ask(ref, "alive") == "alive"
    assert [record.levelname for record in caplog.records if record.name == "stretto.actors"] == ["DEBUG"]


class Strange(BaseException):
    """An exception outside of all families."""


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, Strange])
@pytest.mark.parametrize("asked", [True, False])
def test_base_exceptions_harm_no_other_actor(
    seen: list[object], dispatchers: Callable[..., Dispatcher], kind: type[BaseException], *, asked: bool
) -> None:
    """A BaseException ends its actor with on_failure; the caller gets it, others and the thread go on."""
    dispatcher = dispatchers(1)
    ref, other = Probe.start_on(dispatcher, seen), Probe.start_on(dispatcher)
    probe = actor_of(ref)
    (thread,) = dispatcher._threads
    if asked:
        with pytest.raises(kind):
            ask(ref, kind("ask"))
        assert dispatcher.alive() == {"Probe": 1}
    else:
        ref.tell(kind("tell"))
        assert probe.ended.wait(PATIENCE)
    assert not ref.is_alive()
    assert seen == ["on_start", "on_failure"]
    assert isinstance(probe.failure, kind)
    assert ask(other, lambda _: threading.current_thread()) is thread


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_what_waits_behind_a_failure_is_answered(ref: pykka.ActorRef[Probe], kind: type[BaseException]) -> None:
    """Messages behind one that ends the actor get ActorDeadError, stops behind it are answered."""
    go_on = hold(ref)
    ref.tell(kind("sent"))
    late, stopped = ref.ask("late", block=False), ref.stop(block=False)
    go_on.set()
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)
    assert stopped.get(timeout=PATIENCE) is True


@pytest.mark.parametrize("hook", ["on_failure", "on_stop"])
def test_failing_last_hooks_are_logged(
    seen: list[object], dispatcher: Dispatcher, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in on_failure or on_stop is logged, and the actor ends as it would have."""
    ref = Probe.start_on(dispatcher, seen, failing=(hook,))
    waiting = hold(ref)
    if hook == "on_failure":
        ref.tell(ValueError("sent"))
    stopped = ref.stop(block=False)
    waiting.set()
    assert stopped.get(timeout=PATIENCE) is True
    assert seen == ["on_start", hook]
    assert f"{hook} of {ref} failed" in caplog.text
    assert dispatcher.alive() == {"Probe": 0}
    assert pykka.ActorRegistry.get_all() == []


def test_a_log_that_raises_does_not_end_the_thread(
    dispatchers: Callable[..., Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the log itself raises a BaseException, callers are answered and the thread goes on."""

    def refuse(_record: object) -> NoReturn:
        raise SystemExit

    logger = logging.getLogger("stretto.actors")
    dispatcher = dispatchers(1)
    ref, other = Probe.start_on(dispatcher), Probe.start_on(dispatcher)
    monkeypatch.setattr(logger, "filters", [refuse])
    go_on = hold(ref)
    ref.tell(ValueError("sent"))
    late = ref.ask("late", block=False)
    go_on.set()
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)
    assert ask(other, "alive") == "alive"
    assert dispatcher.alive() == {"Probe": 1}


def test_a_reply_that_its_owner_has_set_harms_nothing(ref: pykka.ActorRef[Probe]) -> None:
    """A caller that sets its own reply does no harm: the actor answers the next one."""
    go_on = hold(ref)
    reply = ref.ask("question", block=False)
    reply.set("set by the caller")
    go_on.set()
    assert ask(ref, "alive") == "alive"
    assert reply.get(timeout=PATIENCE) == "set by the caller"

    later = Deferred()
    reply = ref.ask(lambda _: later, block=False)
    ask(ref, "handled")
    reply.set("set by the caller")
    assert later.resolve("too late") is True
    assert reply.get(timeout=PATIENCE) == "set by the caller"


# Turns.


@pytest.mark.usefixtures("many_switches")
def test_one_sender_is_handled_in_order(dispatchers: Callable[..., Dispatcher]) -> None:
    """Several threads tell one actor: nothing is lost, each one's messages come in order, one at a time."""
    senders, each = 6, 500
    overlaps: list[object] = []
    busy = threading.Lock()

    class Ledger(DispatchedActor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[tuple[int, int]] = []

        def on_receive(self, message: tuple[int, int]) -> None:
            if not busy.acquire(blocking=False):
                overlaps.append(message)
                return
            self.seen.append(message)
            busy.release()

    ref = Ledger.start_on(dispatchers(4, turn=3))
    barrier = threading.Barrier(senders)

    def send(sender: int) -> None:
        barrier.wait(PATIENCE)
        for number in range(each):
            ref.tell((sender, number))

    run_threads([partial(send, sender) for sender in range(senders)])
    seen = ref.proxy().seen.get(timeout=PATIENCE)
    assert overlaps == []
    assert len(seen) == senders * each
    for sender in range(senders):
        assert [number for who, number in seen if who == sender] == list(range(each))


def run_threads(jobs: list[Callable[[], None]]) -> None:
    """Run every job in a thread of its own and wait for all."""
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_flooding_actor_starves_nobody(
    dispatchers: Callable[..., Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 10,000 messages in one mailbox, another actor's message waits for one turn of 64."""
    monkeypatch.setattr("stretto.actors.dispatch.actor.MAX_TURN_SECONDS", PATIENCE)
    dispatcher = dispatchers(1, turn=64)
    handled: collections.Counter[str] = collections.Counter()
    at_small: list[int] = []

    class Flooded(DispatchedActor):
        def on_receive(self, message: Any) -> None:
            if callable(message):
                message(self)
            handled["flooded"] += 1

    class Small(DispatchedActor):
        def on_receive(self, _message: object) -> None:
            at_small.append(handled["flooded"])

    flooded, small = Flooded.start_on(dispatcher), Small.start_on(dispatcher)
    go_on = hold(flooded)
    for _ in range(10_000):
        flooded.tell("flood")
    small.tell("quick")
    go_on.set()
    stop(flooded)
    assert at_small == [64]
    assert handled["flooded"] == 10_001


def test_on_turn_end_comes_once_a_turn(seen: list[object], dispatchers: Callable[..., Dispatcher]) -> None:
    """on_turn_end follows each turn that handled messages, also if more wait, and precedes on_stop."""

    class Batching(Probe):
        def on_turn_end(self) -> None:
            self.seen.append("flush")

        def on_stop(self) -> None:
            self.seen.append("on_stop")

    dispatcher = dispatchers(1, turn=3)
    ref = Batching.start_on(dispatcher, seen)
    go_on = hold(ref)
    for number in range(5):
        ref.tell(number)
    stopped = ref.stop(block=False)
    go_on.set()
    stopped.get(timeout=PATIENCE)
    assert seen == ["on_start", 0, 1, "flush", 2, 3, 4, "flush", "on_stop"]


def test_on_turn_end_needs_a_message(dispatcher: Dispatcher) -> None:
    """A turn that only starts or only stops the actor has nothing to flush."""
    turns: list[object] = []

    class Batching(DispatchedActor):
        def on_turn_end(self) -> None:
            turns.append(self)

    stop(Batching.start_on(dispatcher))
    assert turns == []


def test_failing_on_turn_end_is_a_failure_of_the_actor(seen: list[object], dispatcher: Dispatcher) -> None:
    """An exception in on_turn_end stops the actor with on_failure, and its callers are answered."""
    ref = Probe.start_on(dispatcher, seen, failing=("on_turn_end",))
    go_on = hold(ref)
    stopped = ref.stop(block=False)
    go_on.set()
    assert stopped.get(timeout=PATIENCE) is True
    assert seen == ["on_start", "on_turn_end", "on_failure"]


def test_a_failure_has_no_turn_end(seen: list[object], dispatcher: Dispatcher) -> None:
    """A turn that ended with a failure is not flushed: on_failure is called in its place."""
    ref = Probe.start_on(dispatcher, seen, failing=("on_turn_end",))
    ended = actor_of(ref).ended
    ref.tell(ValueError("sent"))
    assert ended.wait(PATIENCE)
    assert seen == ["on_start", "on_failure"]


def test_a_handler_can_tell_itself(ref: pykka.ActorRef[Probe]) -> None:
    """A message from a handler to its own actor comes behind all that wait by then."""
    go_on = hold(ref)
    ref.tell(lambda actor: actor.actor_ref.tell("to myself"))
    ref.tell("waiting")
    go_on.set()
    proxy = ref.proxy()
    proxy.add(1).get(timeout=PATIENCE)
    assert proxy.seen.get(timeout=PATIENCE) == ["on_start", "waiting", "to myself"]


def test_thousands_of_actors_use_the_same_threads(dispatchers: Callable[..., Dispatcher]) -> None:
    """5,000 living actors have no thread but the dispatcher's, and all are counted."""
    dispatcher = dispatchers(2)
    refs = [Unregistered.start_on(dispatcher)]
    before = set(threading.enumerate())
    refs += [Unregistered.start_on(dispatcher) for _ in range(4999)]
    names = {ask(ref, lambda _: threading.current_thread().name) for ref in refs}
    assert names <= {"stretto-dispatcher-0", "stretto-dispatcher-1"}
    assert set(threading.enumerate()) <= before
    assert dispatcher.alive() == {"Unregistered": 5000}
    stopping = [ref.stop(block=False) for ref in refs]
    assert list(pykka.get_all(stopping, timeout=PATIENCE)) == [True] * 5000
    assert dispatcher.alive() == {"Unregistered": 0}
    assert dispatcher.started() == {"Unregistered": 5000}


def test_counts_are_by_class_and_unchanged_by_reading(dispatcher: Dispatcher) -> None:
    """alive() and started() count each class apart, however often and wherever they are read."""
    refs: list[pykka.ActorRef[Any]] = [kind.start_on(dispatcher) for kind in (Probe, Probe, Unregistered)]
    for _ in range(3):
        assert dispatcher.alive() == {"Probe": 2, "Unregistered": 1}
        assert dispatcher.started() == {"Probe": 2, "Unregistered": 1}
    for ref in refs:
        stop(ref)
    assert dispatcher.alive() == {"Probe": 0, "Unregistered": 0}
    assert dispatcher.started() == {"Probe": 2, "Unregistered": 1}


# Deferred.


@pytest.mark.parametrize("before", [True, False])
def test_later_answers_when_it_is_resolved(ref: pykka.ActorRef[Probe], *, before: bool) -> None:
    """A Deferred answers with what it is resolved with, before or after the handler returned it; once."""
    later = Deferred()
    if before:
        assert later.resolve("value") is True
    reply = ref.ask(lambda _: later, block=False)
    assert ask(ref, "not blocked") == "not blocked"
    if not before:
        with pytest.raises(pykka.Timeout):
            reply.get(timeout=0)
        assert later.resolve("value") is True
    assert reply.get(timeout=PATIENCE) == "value"
    assert later.resolve("other") is False
    assert later.fail(ValueError()) is False
    assert reply.get(timeout=PATIENCE) == "value"


@pytest.mark.parametrize("before", [True, False])
def test_later_can_fail(ref: pykka.ActorRef[Probe], *, before: bool) -> None:
    """A Deferred that fails raises its exception at the caller, and the actor lives."""
    later = Deferred()
    if before:
        later.fail(ValueError("later"))
    reply = ref.ask(lambda _: later, block=False)
    ask(ref, "handled")
    if not before:
        later.fail(ValueError("later"))
    with pytest.raises(ValueError, match="later"):
        reply.get(timeout=PATIENCE)
    assert ask(ref, "alive") == "alive"


@pytest.mark.parametrize("end", ["stop", "failure"])
def test_later_fails_when_the_actor_ends(dispatcher: Dispatcher, end: str) -> None:
    """The caller of an actor that ended before it resolved its Deferred gets ActorDeadError, not silence."""
    ref = Probe.start_on(dispatcher)
    later = Deferred()
    reply = ref.ask(lambda _: later, block=False)
    if end == "stop":
        stop(ref)
    else:
        ref.tell(SystemExit())
    with pytest.raises(pykka.ActorDeadError, match="stopped before it answered"):
        reply.get(timeout=PATIENCE)
    assert later.resolve("too late") is False


def test_later_can_answer_several_callers(ref: pykka.ActorRef[Probe]) -> None:
    """One Deferred returned to several callers answers them all."""
    later = Deferred()
    replies = [ref.ask(lambda _: later, block=False) for _ in range(3)]
    ask(ref, "handled")
    later.resolve("all")
    assert pykka.get_all(replies, timeout=PATIENCE) == ["all"] * 3


def test_later_works_through_a_proxy(dispatcher: Dispatcher) -> None:
    """A method that is called through a proxy may return a Deferred."""

    class Owing(DispatchedActor):
        def __init__(self) -> None:
            super().__init__()
            self._later = Deferred()

        def value(self) -> Deferred:
            return self._later

        def supply(self, value: str) -> bool:
            return self._later.resolve(value)

    proxy = Owing.start_on(dispatcher).proxy()
    value = proxy.value()
    assert proxy.supply("supplied").get(timeout=PATIENCE) is True
    assert value.get(timeout=PATIENCE) == "supplied"


def test_later_of_a_tell_is_dropped(ref: pykka.ActorRef[Probe]) -> None:
    """A Deferred returned for a tell has no caller, and the actor does not keep it."""
    later = Deferred()
    ref.tell(lambda _: later)
    ask(ref, "handled")
    assert not actor_of(ref).actor_inbox.pending
    assert later.resolve() is True


def test_resolved_laters_are_not_kept(ref: pykka.ActorRef[Probe]) -> None:
    """An actor keeps the Laters that it owes, and none that is resolved, before or after."""
    laters = [Deferred() for _ in range(4)]
    laters[0].resolve()
    for later in laters:
        ref.ask(lambda _, later=later: later, block=False)
    ask(ref, "handled")
    inbox = actor_of(ref).actor_inbox
    assert inbox.pending == set(laters[1:])
    for later in laters:
        later.resolve()
    assert inbox.pending == set()


@pytest.mark.usefixtures("many_switches")
def test_racing_resolvers_have_one_winner(ref: pykka.ActorRef[Probe]) -> None:
    """Of many threads that resolve a Deferred while its handler returns it, one wins: that is the answer."""
    for _ in range(50):
        later = Deferred()
        barrier = threading.Barrier(4)
        won: list[int] = []

        def resolve(
            number: int, later: Deferred = later, barrier: threading.Barrier = barrier, won: list[int] = won
        ) -> None:
            barrier.wait(PATIENCE)
            if later.resolve(number):
                won.append(number)

        reply = ref.ask(lambda _, later=later: later, block=False)
        run_threads([partial(resolve, number) for number in range(4)])
        assert len(won) == 1
        assert reply.get(timeout=PATIENCE) == won[0]


def test_get_joins_the_thread_of_the_reply(ref: pykka.ActorRef[Probe]) -> None:
    """`get()` of a Deferred resolved with a thread returns only after it ended, or raises Timeout."""
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, args=(PATIENCE,), daemon=True)
    thread.start()
    later = Deferred()
    later.resolve("value", wait_for_thread=thread)
    reply = ref.ask(lambda _: later, block=False)
    ask(ref, "handled")
    with pytest.raises(pykka.Timeout):
        reply.get(timeout=0)
    go_on.set()
    assert reply.get(timeout=PATIENCE) == "value"
    assert not thread.is_alive()


def test_get_in_the_joined_thread_does_not_deadlock() -> None:
    """A thread that gets the reply that joins it gets the value at once."""
    reply: Reply[str] = Reply()
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(reply.get(timeout=PATIENCE)), daemon=True)
    reply.wait_for_thread = thread
    reply.set("value")
    thread.start()
    thread.join(PATIENCE)
    assert got == ["value"]


# Memory.


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Worker(DispatchedActor):
    """Keeps nothing of what it does."""

    def on_receive(self, message: Callable[[], object]) -> object:
        return message()


def crash() -> NoReturn:
    raise Strange


def complain() -> NoReturn:
    raise ValueError


def let_stop(ref: pykka.ActorRef[Worker]) -> None:
    stop(ref)


def let_fail(ref: pykka.ActorRef[Worker]) -> None:
    ref.tell(crash)


def let_fail_after_an_ask(ref: pykka.ActorRef[Worker]) -> None:
    ref.ask(complain, block=False)
    ref.tell(complain)


def let_fail_by_an_ask(ref: pykka.ActorRef[Worker]) -> None:
    ref.ask(crash, block=False)


def let_owe(ref: pykka.ActorRef[Worker]) -> None:
    ref.ask(Deferred, block=False)
    stop(ref)


def let_drop_messages(ref: pykka.ActorRef[Worker]) -> None:
    ref.stop(block=False)
    ref.ask(int, block=False)
    ref.stop(block=False)


@pytest.mark.usefixtures("no_collector", "quiet")
@pytest.mark.parametrize(
    "end", [let_stop, let_fail, let_fail_after_an_ask, let_fail_by_an_ask, let_owe, let_drop_messages]
)
def test_an_ended_actor_is_freed_at_once(dispatcher: Dispatcher, end: Callable[[pykka.ActorRef[Worker]], None]) -> None:
    """An ended actor goes with the last reference to it, and so does its ref: no collector is needed."""
    actor_freed, ref_freed = threading.Event(), threading.Event()
    ref = Worker.start_on(dispatcher)
    weakref.finalize(ref._actor_weakref(), actor_freed.set)
    weakref.finalize(ref, ref_freed.set)
    assert ask(ref, int) == 0
    end(ref)
    del ref
    assert actor_freed.wait(PATIENCE)
    assert ref_freed.wait(PATIENCE)


@pytest.mark.usefixtures("no_collector")
def test_a_ref_does_not_keep_an_ended_actor(dispatcher: Dispatcher) -> None:
    """The ref of an ended actor does not keep the actor."""
    freed = threading.Event()
    ref = Worker.start_on(dispatcher)
    weakref.finalize(ref._actor_weakref(), freed.set)
    stop(ref)
    assert freed.wait(PATIENCE)
    assert not ref.is_alive()


def test_a_ref_keeps_its_actor_alive(dispatcher: Dispatcher) -> None:
    """An idle, unregistered actor lives as long as there is a ref to it."""
    ref = Unregistered.start_on(dispatcher)
    ask(ref, "work")
    gc.collect()
    assert ask(ref, "alive") == "alive"
    assert stop(ref)


# The end of an actor, and of a dispatcher.


@pytest.mark.usefixtures("many_switches")
@pytest.mark.parametrize("stopped", ["actor", "dispatcher"])
def test_every_ask_around_a_stop_is_answered(dispatchers: Callable[..., Dispatcher], stopped: str) -> None:
    """Whatever is asked while the actor or its dispatcher stops gets its value or ActorDeadError."""
    for _ in range(40):
        dispatcher = dispatchers(2, turn=2)
        ref = Unregistered.start_on(dispatcher)
        barrier = threading.Barrier(4)
        replies: list[pykka.Future[Any]] = []

        def pester(
            ref: pykka.ActorRef[Unregistered] = ref,
            barrier: threading.Barrier = barrier,
            replies: list[pykka.Future[Any]] = replies,
        ) -> None:
            barrier.wait(PATIENCE)
            replies.extend(ref.ask("question", block=False) for _ in range(40))

        def halt(halting: Callable[[], object], barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            halting()

        halting = dispatcher.stop if stopped == "dispatcher" else partial(stop, ref)
        run_threads([pester, pester, pester, partial(halt, halting)])
        for reply in replies:
            try:
                assert reply.get(timeout=PATIENCE) == "question"
            except pykka.ActorDeadError:
                continue
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("late")


def test_what_comes_between_the_look_and_the_close_is_refused(ref: pykka.ActorRef[Probe]) -> None:
    """A message put after the mailbox closed, by a sender that saw the actor alive, is refused loudly."""
    stop(ref)
    ref.actor_stopped.stopped = False  # type: ignore[attr-defined]  # what the sender saw just before
    with pytest.raises(pykka.ActorDeadError, match="is stopped"):
        ref.tell("late")
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        ask(ref, "late")
    assert ref.stop(block=False).get(timeout=PATIENCE) is True


def test_stopping_a_dispatcher_ends_its_threads(dispatchers: Callable[..., Dispatcher]) -> None:
    """stop() returns after the turns that were queued, with no thread left, and can be called again."""
    dispatcher = dispatchers(2)
    seen: list[object] = []
    refs = [Unregistered.start_on(dispatcher, seen) for _ in range(10)]
    for ref in refs:
        ref.tell("queued")
        ref.stop(block=False)
    dispatcher.stop()
    dispatcher.stop()
    assert seen.count("queued") == 10
    assert seen.count("on_stop") == 10
    assert not any(thread.is_alive() for thread in dispatcher._threads)


def test_a_dispatcher_that_never_ran_can_be_stopped() -> None:
    """stop() of a dispatcher without actors has no thread to wait for, and none starts later."""
    dispatcher = Dispatcher()
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError):
        Unregistered.start_on(dispatcher)
    assert dispatcher.alive() == {"Unregistered": 0}


def test_actors_of_a_stopped_dispatcher_are_dead(seen: list[object], dispatchers: Callable[..., Dispatcher]) -> None:
    """After its dispatcher was stopped, sending to an actor, asking it and starting it raise ActorDeadError."""
    dispatcher = dispatchers(1)
    sent, asked, owing = (Probe.start_on(dispatcher) for _ in range(3))
    later = Deferred()
    reply = owing.ask(lambda _: later, block=False)
    stopped = Probe.start_on(dispatcher, seen)
    dispatcher.stop()
    with pytest.raises(pykka.ActorDeadError, match="is stopped"):
        sent.tell("late")
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        ask(asked, "late")
    with pytest.raises(pykka.ActorDeadError):
        owing.tell("late")
    with pytest.raises(pykka.ActorDeadError, match="stopped before it answered"):
        reply.get(timeout=PATIENCE)
    assert stop(stopped) is True
    with pytest.raises(pykka.ActorDeadError):
        Probe.start_on(dispatcher)
    assert not any(ref.is_alive() for ref in (sent, asked, owing, stopped))
    assert pykka.ActorRegistry.get_all() == []
    assert seen == ["on_start"]


def test_turns_left_at_the_stop_are_answered(dispatchers: Callable[..., Dispatcher]) -> None:
    """An actor that needs more turns than were queued is abandoned: what waits in it is answered."""
    dispatcher = dispatchers(1, turn=2)
    ref = Probe.start_on(dispatcher)
    go_on = hold(ref)
    replies = [ref.ask(number, block=False) for number in range(3)]
    stopping = threading.Thread(target=dispatcher.stop, daemon=True)
    stopping.start()
    start_until_refused(dispatcher)
    go_on.set()
    stopping.join(PATIENCE)
    assert replies[0].get(timeout=PATIENCE) == 0
    for reply in replies[1:]:
        with pytest.raises(pykka.ActorDeadError):
            reply.get(timeout=PATIENCE)
    assert not ref.is_alive()


@pytest.mark.parametrize("joined", [False, True])
def test_turns_behind_the_stop_are_answered(dispatchers: Callable[..., Dispatcher], *, joined: bool) -> None:
    """A turn queued by a sender that saw the dispatcher run, but came too late, is answered all the same."""
    dispatcher = dispatchers(1)
    ref, other = Probe.start_on(dispatcher), Probe.start_on(dispatcher)
    ask(ref, "idle from here on")
    go_on = hold(other)
    stopping = threading.Thread(target=dispatcher.stop, daemon=True)
    stopping.start()
    start_until_refused(dispatcher)
    if joined:
        go_on.set()
        stopping.join(PATIENCE)
    dispatcher._stopping = False  # what the sender saw just before
    late = ref.ask("late", block=False)
    dispatcher._stopping = True
    go_on.set()
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)
    stopping.join(PATIENCE)
    assert not ref.is_alive()


def start_until_refused(dispatcher: Dispatcher) -> None:
    """Return once the dispatcher has begun to stop."""
    while True:
        try:
            Unregistered.start_on(dispatcher).stop(block=False)
        except pykka.ActorDeadError:
            return


def test_a_dispatcher_cannot_be_stopped_by_its_own_thread(dispatcher: Dispatcher, ref: pykka.ActorRef[Probe]) -> None:
    """stop() in one of its own threads raises RuntimeError and leaves the dispatcher as it was."""
    with pytest.raises(RuntimeError, match="own threads"):
        ask(ref, lambda _: dispatcher.stop())
    assert ask(ref, "alive") == "alive"


@pytest.mark.parametrize("arguments", [{"threads": 0}, {"turn": 0}])
def test_a_dispatcher_needs_threads_and_turns(arguments: dict[str, int]) -> None:
    """A dispatcher that could never handle a message is refused with ValueError."""
    with pytest.raises(ValueError, match="at least 1"):
        Dispatcher(**arguments)


# Any interleaving.


class Collector(DispatchedActor):
    registered: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def on_receive(self, message: tuple[int, int]) -> None:
        self.seen.append(message)

    def all_seen(self) -> list[tuple[int, int]]:
        return self.seen


ACTORS = 3


@settings(deadline=None, max_examples=40)
@given(
    plans=st.lists(st.lists(st.integers(0, ACTORS - 1), max_size=80), min_size=1, max_size=5),
    threads=st.integers(1, 3),
    turn=st.integers(1, 5),
)
def test_any_interleaving_keeps_order_and_loses_nothing(plans: list[list[int]], threads: int, turn: int) -> None:
    """However threads tell several actors, each actor gets each sender's messages once and in order."""
    dispatcher = Dispatcher(threads, turn=turn)
    refs = [Collector.start_on(dispatcher) for _ in range(ACTORS)]
    barrier = threading.Barrier(len(plans))

    def send(sender: int, plan: list[int]) -> None:
        barrier.wait(PATIENCE)
        for number, target in enumerate(plan):
            refs[target].tell((sender, number))

    run_threads([partial(send, sender, plan) for sender, plan in enumerate(plans)])
    for target, ref in enumerate(refs):
        seen = ask(ref, ProxyCall(("all_seen",), (), {}))
        assert len(seen) == sum(plan.count(target) for plan in plans)
        for sender, plan in enumerate(plans):
            expected = [number for number, to in enumerate(plan) if to == target]
            assert [number for who, number in seen if who == sender] == expected
        stop(ref)
    dispatcher.stop()
    assert dispatcher.alive() == {"Collector": 0}
