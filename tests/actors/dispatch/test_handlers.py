from typing import Any

from stretto.actors.dispatch import handlers_of, handles, unbound_handlers


class Ping:
    pass


class Pong:
    pass


class LoudPing(Ping):
    pass


class Player:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @handles(Ping)
    def _ping(self, message: Any) -> str:
        self.heard.append("ping")
        return "pinged"

    @handles(Pong, str)
    def _pong(self, message: Any) -> None:
        self.heard.append("pong")


class Quiet(Player):
    def _ping(self, message: Any) -> str:
        return "hushed"

    @handles(str)
    def _text(self, message: Any) -> None:
        self.heard.append(message)


def test_a_marked_method_handles_its_message() -> None:
    player = Player()

    assert handlers_of(player)[Ping](Ping()) == "pinged"
    assert player.heard == ["ping"]


def test_one_method_can_handle_several_messages() -> None:
    handlers = handlers_of(Player())

    assert handlers[Pong] == handlers[str]


def test_a_subclass_of_a_message_is_another_message() -> None:
    assert LoudPing not in handlers_of(Player())


def test_each_object_has_handlers_of_its_own() -> None:
    one, other = Player(), Player()

    handlers_of(one)[Pong](Pong())

    assert (one.heard, other.heard) == (["pong"], [])


def test_a_subclass_overrides_a_handler_without_marking_it_again() -> None:
    assert handlers_of(Quiet())[Ping](Ping()) == "hushed"


def test_a_subclass_takes_a_message_over() -> None:
    quiet = Quiet()

    handlers_of(quiet)[str]("text")

    assert quiet.heard == ["text"]


def test_a_class_is_searched_once() -> None:
    assert unbound_handlers(Quiet) is unbound_handlers(Quiet)
    assert unbound_handlers(Player) is not unbound_handlers(Quiet)
