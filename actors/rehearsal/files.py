"""Reads rehearsal files: YAML with a workflow, its inputs, a script, and expectations.

workflow: ../deploy.yaml        # a path from this file's folder, or a ref
inputs: {host: web1}
keys: {region: eu}              # the key-value store
script: [{task: check, attempt: 1, status: failed}]
controls: [{before_completion: 2, request: pause}, {at: 60, answer: {task: approve, response: {continue: true}}}]
expect: {status: succeeded, sequence: [check, deploy]}
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from stretto.actors.catalogue import is_rehearsal_document, not_utf8
from stretto.actors.locating import SUFFIXES
from stretto.actors.packs import InvalidInquiry, question_of
from stretto.actors.rehearsal.script import Control, InquiryAnswer, Request, Role, Rule, SentEvent, Status
from stretto.actors.text_files import read_text
from stretto.definitions.data import freeze
from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import InvalidDefinition, Place
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode, compose, to_data

STATUSES: Final = ("succeeded", "failed", "cancelled", "paused", "waiting", "refused")
"""The statuses that can be expected. `refused` means that the inputs do not fit the parameters."""
OUTCOMES: Final = ("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped", "running")
ACTION_KEYS: Final = ("task", "action", "input", "item", "visit", "attempt", "route", "delay", "outcome", "result")
ERROR_KEYS: Final = (
    "code", "message", "task", "visit", "item_index", "attempt", "action", "expression", "input", "handled", "route",
    "transition", "result",
)  # fmt: skip
_TEXT_KEYS: Final = ("workflow", "action", "task")
_LEAST: Final[Mapping[str, int]] = {"visit": 1, "attempt": 1, "item": 0, "route": 0}


@dataclass(frozen=True, slots=True)
class Scripted:
    """A script from a file. `places` has the place of each rule."""

    rules: Sequence[Rule]
    controls: Sequence[Control]
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class RehearsalFile:
    """A rehearsal and its expectations. Only the keys in `expect` are compared."""

    path: Path
    workflow: str
    inputs: Mapping[str, Any]
    keys: Mapping[str, Any]
    script: Scripted
    expect: Mapping[str, Any]


def is_rehearsal(path: Path) -> bool:
    """Return whether a YAML file looks like a rehearsal file, and not like a definition or anything else.

    A file that is not valid YAML counts: reading it as a rehearsal then reports the error.
    """
    node = compose(path.read_text(encoding="utf-8", errors="replace"), str(path), lambda _finding: None)
    return node is None or is_rehearsal_document(node)


def read_rehearsal(path: Path) -> RehearsalFile:
    """Read a rehearsal file.

    Raises:
        InvalidDefinition: The file has errors. The exception lists them all.
        OSError: The file cannot be read.
    """
    reader = Reader(str(path))
    fields = Fields(reader, _document(path, reader), "the rehearsal")
    workflow = _workflow(reader, fields, path)
    inputs, keys = _values(reader, fields, "inputs"), _values(reader, fields, "keys")
    script = _script(reader, fields)
    expected = fields.require("expect")
    expect = {} if expected is None else _expectation(reader, expected)
    fields.finish(lambda _name: None)
    _raise_findings(reader)
    return RehearsalFile(path, workflow, inputs, keys, script, expect)


def _values(reader: Reader, fields: Fields, name: str) -> dict[str, Any]:
    for node, what in fields.given(name):
        mapping = reader.mapping(node, what)
        return {} if mapping is None else to_data(mapping)
    return {}


def read_script(path: Path) -> Scripted:
    """Read a script: a list of rules, or an object of `script` and `controls`. Raises as `read_rehearsal` does."""
    reader = Reader(str(path))
    node = _node(path, reader)
    if isinstance(node, ListNode):
        rules, places = _rules(reader, node, "the script")
        script = Scripted(rules, [], places)
    else:
        fields = Fields(reader, _mapping(reader, node, path), "the script")
        script = _script(reader, fields)
        fields.finish(lambda _name: None)
    _raise_findings(reader)
    return script


def _document(path: Path, reader: Reader) -> MapNode:
    return _mapping(reader, _node(path, reader), path)


def _node(path: Path, reader: Reader) -> Node:
    try:
        text = read_text(path)
    except UnicodeDecodeError as error:
        raise InvalidDefinition([not_utf8(str(path), error)]) from None
    node = compose(text, str(path), reader.report)
    _raise_findings(reader)
    return ScalarNode(Place(str(path), 1, 1), None, "") if node is None else node


def _mapping(reader: Reader, node: Node, path: Path) -> MapNode:
    mapping = reader.mapping(node, "the file")
    _raise_findings(reader)
    return MapNode(Place(str(path), 1, 1)) if mapping is None else mapping


def _raise_findings(reader: Reader) -> None:
    if reader.findings:
        raise InvalidDefinition(sorted(reader.findings, key=lambda each: (each.place.line, each.place.column)))


def _workflow(reader: Reader, fields: Fields, path: Path) -> str:
    node = fields.require("workflow")
    name = None if node is None else reader.text(node, "'workflow'")
    if name is not None and Path(name).suffix in SUFFIXES:
        return os.path.normpath(path.parent / name)
    return name or ""


def _script(reader: Reader, fields: Fields) -> Scripted:
    rules: list[Rule] = []
    places: list[Place] = []
    controls: list[Control] = []
    for node, what in fields.given("script"):
        rules, places = _rules(reader, node, what)
    for node, what in fields.given("controls"):
        for number, member in enumerate(reader.sequence(node, what), 1):
            control = _control(reader, member, f"control {number}")
            if control is not None:
                controls.append(control)
    return Scripted(rules, controls, places)


def _rules(reader: Reader, node: Node, what: str) -> tuple[list[Rule], list[Place]]:
    rules, places = [], []
    for number, member in enumerate(reader.sequence(node, what), 1):
        mapping = reader.mapping(member, f"rule {number}")
        if mapping is not None:
            rules.append(_rule(reader, mapping, f"rule {number}"))
            places.append(mapping.place)
    return rules, places


def _rule(reader: Reader, mapping: MapNode, what: str) -> Rule:
    fields = Fields(reader, mapping, what)
    wanted: dict[str, Any] = {}
    for key in _TEXT_KEYS:
        for node, field in fields.given(key):
            wanted[key] = reader.text(node, field)
    for key, least in _LEAST.items():
        for node, field in fields.given(key):
            wanted[key] = reader.integer(node, field, least)
    for node, field in fields.given("input"):
        arguments = reader.mapping(node, field)
        wanted["input"] = None if arguments is None else to_data(arguments)
    for node, field in fields.given("asks"):
        asked = reader.mapping(node, field)
        wanted["asks"] = None if asked is None else _asked(reader, asked, field)
    for node, field in fields.given("status"):
        wanted["status"] = reader.choice(node, field, get_args(Status))
    for node, field in fields.given("duration"):
        wanted["duration"] = reader.number(node, field)
        if (wanted["duration"] or 0) < 0:
            reader.wrong_type(field, node, "a number of seconds from 0")
    result = fields.take("result")
    fields.finish(lambda _name: None)
    given = {key: value for key, value in wanted.items() if value is not None}
    return Rule(**given, result=msgspec.UNSET if result is None else to_data(result))


def _asked(reader: Reader, mapping: MapNode, what: str) -> dict[str, Any]:
    """Return the inquiry that an action makes, and report one that its API would refuse."""
    given: dict[str, Any] = to_data(mapping)
    number = given.get("id", 1)
    if type(number) is not int or number < 1:
        reader.wrong_type(f"'id' of {what}", mapping.members["id"], "the number of an inquiry, from 1")
    try:
        question_of({name: value for name, value in given.items() if name != "id"})
    except InvalidInquiry as error:
        reader.error("invalid_inquiry", f"{what}: {error}", mapping.place)
    return given


def _control(reader: Reader, node: Node, what: str) -> Control | None:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields, known = Fields(reader, mapping, what), len(reader.findings)
    given: dict[str, Any] = {}
    for each, field in fields.given("before_completion"):
        given["before_completion"] = reader.integer(each, field, 1)
    for each, field in fields.given("at"):
        given["at"] = reader.number(each, field)
    for each, field in fields.given("request"):
        given["request"] = reader.choice(each, field, get_args(Request))
    for each, field in fields.given("answer"):
        given["answer"] = _answer(reader, each, field)
    for each, field in fields.given("event"):
        given["event"] = _event(reader, each, field)
    fields.finish(lambda _name: None)
    if len(reader.findings) > known:
        return None
    try:
        return Control(**given)
    except ValueError as error:
        reader.error("invalid_control", f"{what}: {error}", mapping.place)
        return None


def _answer(reader: Reader, node: Node, what: str) -> InquiryAnswer | None:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, what)
    task, response = fields.require("task"), fields.require("response")
    given: dict[str, Any] = {}
    for each, field in fields.given("item"):
        given["item"] = reader.integer(each, field, 0)
    for each, field in fields.given("by"):
        given["by"] = reader.text(each, field)
    for each, field in fields.given("role"):
        given["role"] = reader.choice(each, field, get_args(Role))
    fields.finish(lambda _name: None)
    name = None if task is None else reader.text(task, f"'task' of {what}")
    return None if name is None or response is None else InquiryAnswer(name, to_data(response), **given)


def _event(reader: Reader, node: Node, what: str) -> SentEvent | None:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, what)
    kind, payload = fields.require("type"), fields.take("payload")
    fields.finish(lambda _name: None)
    name = None if kind is None else reader.text(kind, f"'type' of {what}")
    return None if name is None else SentEvent(name, None if payload is None else to_data(payload))


def _expectation(reader: Reader, node: Node) -> dict[str, Any]:
    mapping = reader.mapping(node, "'expect'")
    if mapping is None:
        return {}
    fields = Fields(reader, mapping, "'expect'")
    expect: dict[str, Any] = {}
    for status, what in fields.given("status"):
        expect["status"] = reader.choice(status, what, STATUSES)
    output = fields.take("output")
    if output is not None:
        expect["output"] = to_data(output)
    for sequence, what in fields.given("sequence"):
        expect["sequence"] = [reader.text(each, f"a task in {what}") for each in reader.sequence(sequence, what)]
    for tasks, what in fields.given("tasks"):
        named = reader.mapping(tasks, what)
        outcomes = {} if named is None else named.members
        expect["tasks"] = {
            name: reader.choice(each, f"{name!r} in {what}", OUTCOMES) for name, each in outcomes.items()
        }
    for key, known in (("actions", ACTION_KEYS), ("errors", ERROR_KEYS)):
        for members, what in fields.given(key):
            expect[key] = _partial(reader, members, what, known)
    fields.finish(lambda _name: None)
    if not mapping.members:
        reader.error(
            "empty_expectation", "'expect' expects nothing", mapping.place, expected="at least one of its keys"
        )
    return expect


def _partial(reader: Reader, node: Node, what: str, known: Sequence[str]) -> list[dict[str, Any]]:
    """Return the given members of each object in a list."""
    given = []
    for number, member in enumerate(reader.sequence(node, what), 1):
        mapping = reader.mapping(member, f"number {number} of {what}")
        if mapping is None:
            continue
        fields = Fields(reader, mapping, f"number {number} of {what}")
        nodes = {key: fields.take(key) for key in known}
        fields.finish(lambda _name: None)
        given.append({key: freeze(to_data(each)) for key, each in nodes.items() if each is not None})
    return given
