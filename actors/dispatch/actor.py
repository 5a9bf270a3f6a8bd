"""Actors that own no thread: a dispatcher runs their turns.

A DispatchedActor is a Pykka actor for its users: ActorRef, ActorProxy, ActorRegistry and the hooks are Pykka's own.
It differs where a daemon with ten thousand actors needs it: it costs microseconds instead of a thread, any failure
stops only the actor that failed, and an answer may come later.

Handlers must not block: a few threads serve all actors.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from stretto.actors.dispatch.deferred import Deferred, Reply, answer, answer_error
from stretto.actors.dispatch.dispatcher import Dispatcher
from stretto.actors.dispatch.handlers import unbound_handlers
from stretto.actors.dispatch.mailbox import SHORT, STOPPED, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stretto.actors.dispatch.lane import Lane

# A new kind of actor needs some of Pykka's private names: it implements `_create_actor_inbox`, `_create_future` and
# `_start_actor_loop`, replaces `_stop`, sets `_actor_ref`, and uses `_ActorStop` and `Envelope`. Our own names on the
# actor are private because a proxy offers every public name.

# Handlers are foreign code: their exceptions must not end another actor.
# ruff: noqa: BLE001
# The private names are those of the class itself, whose instances its class methods make.
# ruff: noqa: SLF001

MAX_TURN_SECONDS: Final = 0.05
"""The time after which a turn handles no further message, however many wait: other actors have their turns."""
PROXY_MESSAGES: Final = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})

logger = logging.getLogger("stretto.actors")


making = threading.Lock()
"""Held while a mailbox is made on demand, and while an actor without one stops: no message gets lost in between."""


class _OnDemand:
    """Makes an actor's mailbox when someone asks for it. From then on it is an attribute of the actor."""

    def __get__(self, actor: DispatchedActor | None, _owner: type) -> Any:
        if actor is None:
            return self
        # Not by `vars`, which would make a dict of each actor's attributes.
        with making:
            if not actor._has_mailbox:
                actor.actor_inbox = actor.actor_stopped = actor._make_mailbox()
                actor._has_mailbox = True
            return actor.actor_inbox


class DispatchedActor(pykka.Actor):
    """A Pykka actor whose turns a Dispatcher runs.

    As with any Pykka actor, one message is handled at a time, and one sender's messages in their order. It lives
    until it is stopped, as long as there is a reference to it, and needs no garbage collector afterwards.

    It differs from a ThreadingActor:

    - A handler (on_receive, or a method called through a proxy) may return a Deferred.
    - A BaseException stops this actor only. The caller gets it, and on_failure is called.
    - A failure in on_turn_end fails the actor. One in on_failure or on_stop is logged.
    - Exceptions that go back to a caller are logged at DEBUG.
    - Methods marked with `handles` get their messages from `on_receive`.
    """

    registered: ClassVar[bool] = True
    """Whether actors of this class are in the ActorRegistry, whose removal scans a list of all actors.

    The owner of an unregistered actor must stop it: neither stop_all nor broadcast reaches it.
    """
    _label: ClassVar[str] = "DispatchedActor"
    """The class's name in metrics and in the names of its actors."""
    _message_handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {}
    """The methods marked with `handles`, by message. Unbound, because a bound one would refer back to its actor."""

    actor_inbox: Mailbox[DispatchedActor] = _OnDemand()  # type: ignore[assignment]  # replaced by what it makes
    actor_stopped: Mailbox[DispatchedActor] = _OnDemand()  # type: ignore[assignment]  # of an Event, it is only read
    _first_message: Any = None
    """The message of an actor that was started lightly, until its first turn."""
    _opening: tuple[Lane, Callable[[], int]] | None = None
    """Of such an actor, its lane and what counts it out. A mailbox that is made later opens with them."""
    _has_mailbox = False
    _may_rest = False
    """Whether it waits without a mailbox after its first turn: its next message comes by `_handle_within_turn`."""
    _rests = False
    """Whether it does."""
    _stopped_lightly = False
    """Whether it has stopped without a mailbox."""
    _known_ref: pykka.ActorRef[Self] | None = None
    # Whether the class has its own hooks: ten thousand items need not call empty ones.
    _starts: ClassVar[bool] = False
    _stops: ClassVar[bool] = False

    def __init_subclass__(cls, *, label: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._label = cls.__name__ if label is None else label
        cls._starts = cls.on_start is not pykka.Actor.on_start
        cls._stops = cls.on_stop is not pykka.Actor.on_stop
        cls._message_handlers = unbound_handlers(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # Not Pykka's, which makes a uuid, a queue and an Event: they cost more than all the rest of an actor. The
        # mailbox is made on demand.
        return

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # made on demand, which most actors never need
        """The actor's name."""
        return self.actor_inbox.urn

    @property
    def _actor_ref(self) -> pykka.ActorRef[Self]:  # type: ignore[override]  # as above
        reference = self._known_ref
        if reference is None:
            reference = self._known_ref = pykka.ActorRef(self)
        return reference

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start an actor on the shared dispatcher, with the constructor's arguments."""
        return cls.start_on(Dispatcher.shared(), *args, **kwargs)

    @classmethod
    def start_on(cls, dispatcher: Dispatcher | Lane, /, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start an actor on a dispatcher.

        Args:
            dispatcher: The dispatcher that runs its turns, or a lane of it.
            args: Arguments of the constructor.
            kwargs: Keyword arguments of the constructor.

        Raises:
            pykka.ActorDeadError: The dispatcher was stopped.
        """
        actor = cls(*args, **kwargs)
        lane = dispatcher.lane_of_one()
        actor.actor_inbox.open(actor, lane.submit, lane.admit(cls._label))
        if cls.registered:
            pykka.ActorRegistry.register(actor._actor_ref)
        actor._start_actor_loop()
        return actor._actor_ref

    @classmethod
    def start_with(cls, dispatcher: Dispatcher | Lane, message: object, /, *args: Any) -> Mailbox[DispatchedActor]:
        """Start an actor with its first message in its mailbox.

        For unregistered actors that live for one piece of work. It costs half of `start_on` and a `tell`.

        Args:
            dispatcher: The dispatcher that runs its turns, or a lane of it.
            message: The first message.
            args: Arguments of the constructor.

        Returns:
            The actor's mailbox.

        Raises:
            pykka.ActorDeadError: The dispatcher was stopped.
        """
        actor = cls.__new__(cls)
        # Before the constructor, which refers to it: made on demand, it takes a lock and two calls more.
        actor.actor_inbox = actor.actor_stopped = mailbox = cls._create_actor_inbox()
        mailbox.kind, actor._has_mailbox = cls._label, True
        actor.__init__(*args)  # type: ignore[misc]  # of the very class that was made
        mailbox.waiting.append(message)
        mailbox.open(actor, dispatcher.submit, dispatcher.admit(mailbox.kind))
        if not dispatcher.submit(actor):
            actor._refuse()
        return mailbox

    def on_receive(self, message: Any) -> Any:
        """Pass a message to the method that `handles` it."""
        handler = self._message_handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(self, message)

    def on_turn_end(self) -> None:
        """Flush batched work, after each turn that handled a message and before the next turn or on_stop.

        It does not run after a turn that ended with a failure of the actor. An exception in it is such a failure.
        """

    def stop(self) -> None:
        """Stop the actor after the messages that are in its mailbox."""
        self.actor_inbox.request_stop()

    @staticmethod
    def _create_actor_inbox() -> Mailbox[DispatchedActor]:
        return Mailbox()

    @staticmethod
    def _create_future() -> Reply[Any]:
        return Reply()

    def _make_mailbox(self) -> Mailbox[DispatchedActor]:
        if self._stopped_lightly:
            return STOPPED
        mailbox = self._create_actor_inbox()
        mailbox.kind = self._label
        if self._opening is not None:
            lane, count_out = self._opening
            mailbox.open(self, lane.submit, count_out)
        if self._rests:
            self._rests = False
            mailbox.begun = True
            mailbox.release()
        return mailbox

    def _rest(self) -> bool:
        """Wait for the next message without a mailbox. Return False if there is one."""
        with making:
            self._rests = rests = not self._has_mailbox
        return rests  # not the attribute: another thread may have made a mailbox since

    def _start_actor_loop(self) -> None:
        if not self.actor_inbox.submit(self):
            self._refuse()

    def _refuse(self) -> NoReturn:
        self._abandon()
        raise pykka.ActorDeadError("the dispatcher is stopped")

    def _take_turn(self, limit: int, began: float) -> bool:  # noqa: C901, PLR0915 - a call for each message would cost a percent of an item
        """Handle up to `limit` messages of a turn that `began` on the monotonic clock.

        Return True if more wait and the claim was kept for another turn.
        """
        handled = 0
        if self._first_message is not None:
            first, self._first_message = self._first_message, None
            try:
                self.on_receive(first)
            except BaseException as error:
                _ = self.actor_inbox  # for the actor's name in the log
                self._handle_error(error, None)
            if self._stopped_lightly:
                if self._opening is not None:
                    self._opening[1]()
                return False
            if self._may_rest and self._rest():
                return False
            handled = 1
        mailbox = self.actor_inbox
        if not mailbox.begun:
            mailbox.begun = True
            if self._starts:
                self._begin()
        waiting, stopping, ends_at = mailbox.waiting, False, began + MAX_TURN_SECONDS
        while (waiting or mailbox.taken) and handled < limit and not mailbox.stopped:
            if handled and monotonic() >= ends_at:
                break
            if mailbox.taken:
                received = message = mailbox.taken.pop()
            else:
                received = message = waiting.pop(0) if len(waiting) <= SHORT else mailbox.take()
            reply = None
            if type(received) is Envelope:
                message, reply = received.message, received.reply_to
            if type(message) is _ActorStop:
                mailbox.put_back((received,))  # answered at the end, with those behind it
                stopping = True
                break
            handled += 1
            try:
                # Pykka checks for four kinds of messages, one by one, before it comes to a plain one.
                value = self._handle_receive(message) if type(message) in PROXY_MESSAGES else self.on_receive(message)
                if reply is not None:
                    self._answer(reply, value)
            except BaseException as error:
                self._handle_error(error, reply)
                # Without this the reply keeps the error, the error this frame, and the frame the reply.
                del received, reply
        if handled and not mailbox.stopped:
            try:
                self.on_turn_end()
            except BaseException as error:
                self._fail(error)
        if stopping and not mailbox.stopped:
            self._stop()
        if mailbox.stopped:
            mailbox.close()
            return False
        return mailbox.release()

    def _begin(self) -> None:
        try:
            self.on_start()
        except BaseException:
            self._leave()
            logger.exception("%s failed to start", self._actor_ref)

    def _answer(self, reply: pykka.Future[Any], value: object) -> None:
        if isinstance(value, Deferred):
            self.actor_inbox.answer_later(value, reply)
        else:
            answer(reply, value)

    def _handle_error(self, error: BaseException, reply: pykka.Future[Any] | None) -> None:
        if reply is None or not isinstance(error, Exception):
            self._fail(error)
        else:
            logger.debug("%s returns an exception to its caller", self._actor_ref, exc_info=error)
        if reply is not None:
            answer_error(reply, error)

    def _fail(self, error: BaseException) -> None:
        self._leave()
        logger.error("%s failed and is stopped", self._actor_ref, exc_info=error)
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except BaseException:
            logger.exception("on_failure of %s failed", self._actor_ref)
        self.actor_inbox.close()

    def _stop(self) -> None:
        """Stop at once. Waiting messages are not handled, and this turn ends without `on_turn_end`."""
        self._leave()
        if self._stops:
            try:
                self.on_stop()
            except BaseException:
                logger.exception("on_stop of %s failed", self._actor_ref)

    def _abandon(self) -> None:
        self._first_message = None
        self._leave()
        if self._stopped_lightly and self._opening is not None:
            self._opening[1]()
        else:
            self.actor_inbox.close()

    def _leave(self) -> None:
        if self.registered:
            pykka.ActorRegistry.unregister(self._actor_ref)
        with making:
            if not self._has_mailbox:
                self._stopped_lightly = True
                return
        self.actor_inbox.stopped = True
