"""The model of a sensor in the native form: a program that writes its events as lines of JSON.

sensor: ops.disks
command: [python3, disks.py]
event: ops.disk_full
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.rules.names import check_sent_event
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

MAX_WORDS: Final = 100
"""The words of a command."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor.

    Attributes:
        ref: Its name, which no other sensor has.
        command: The program and its arguments. It runs in the folder of the file.
        place: Where it is in its file.
        event: The type of the events that name none, or "".
        environment: Environment variables for the program.
        enabled: Whether it runs.
        description: Text for people.
    """

    ref: str
    command: tuple[str, ...]
    place: Place
    event: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    description: str = ""

    @property
    def file(self) -> str:
        """The path of its file."""
        return self.place.file


def read_sensor(reader: Reader, node: MapNode) -> Sensor | None:
    """Return the sensor of a document, or None without a name or a command. The reader collects the findings."""
    fields = Fields(reader, node, "the sensor")
    ref_node, command_node = fields.require("sensor"), fields.require("command")
    ref = None if ref_node is None else reader.text(ref_node, "'sensor'")
    command = () if command_node is None else _command(reader, command_node)
    texts = dict.fromkeys(("event", "description", "version", "label"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
            if name == "event":
                check_sent_event(reader, texts[name], what, member.place)
    environment = {
        name: text for member, what in fields.given("environment") for name, text in _variables(reader, member, what)
    }
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(lambda _name: None)
    if not ref or not command:
        return None
    return Sensor(
        ref=ref, command=command, place=node.place, event=texts["event"], environment=environment, enabled=enabled,
        description=texts["description"],
    )  # fmt: skip


def _command(reader: Reader, node: Node) -> tuple[str, ...]:
    """Return the words of a command, or none if it is wrong."""
    words = [_word(reader, each) for each in reader.sequence(node, "'command'")]
    if isinstance(node, ListNode) and not 1 <= len(words) <= MAX_WORDS:
        reader.error(
            "bad_command", f"'command' must have from 1 to {MAX_WORDS} words (MAX_WORDS)", node.place,
            found=f"{len(words):,}", expected="[PROGRAM, ARGUMENT, ...]",
        )  # fmt: skip
        return ()
    if any(each is not None and "\0" in each for each in words):
        reader.error("bad_command", "'command' must not contain a null character", node.place)
        return ()
    return () if None in words else tuple(each for each in words if each is not None)


def _word(reader: Reader, node: Node) -> str | None:
    """Return the text of a word, which may be written as a number."""
    return node.text if isinstance(node, ScalarNode) else reader.text(node, "a word of 'command'")


def _variables(reader: Reader, node: Node, what: str) -> list[tuple[str, str]]:
    mapping = reader.mapping(node, what)
    found: list[tuple[str, str]] = []
    for name, member in () if mapping is None else mapping.members.items():
        text = member.text if isinstance(member, ScalarNode) else None
        if text is None or not name or "=" in name or "\0" in name + text:
            reader.error(
                "bad_environment", f"{what} must have names of environment variables and texts", member.place,
                found=repr(name), expected="NAME: TEXT",
            )  # fmt: skip
        else:
            found.append((name, text))
    return found
