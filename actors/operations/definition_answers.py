"""The answers about definitions, actions and the daemon: one struct each. The struct's tag is its `type` in JSON."""

from typing import Any

import msgspec


class DefinitionsAnswer(msgspec.Struct, frozen=True, tag="definitions"):
    """All definitions {ref, label, description, version, tags, file, usable, errors, warnings, findings}.

    `ref` is null for a file from which none could be read. A refused definition is not `usable`. `errors` and
    `warnings` are numbers, and `findings` has the first of them.
    """

    definitions: list[dict[str, Any]]


class DefinitionShown(msgspec.Struct, frozen=True, tag="definition_shown"):
    """A definition as in `DefinitionsAnswer` with all findings, and {parameters, tasks, calls, digest, runs}.

    `parameters` is the JSON Schema of a run's inputs, `tasks` the number of tasks, `calls` the refs that they call,
    `runs` the last runs. All but the last are null for a refused definition.
    """

    definition: dict[str, Any]


class SourceAnswer(msgspec.Struct, frozen=True, tag="source"):
    """The text of a definition, without the defaults of secret parameters, and the digest of the whole."""

    ref: str
    file: str
    text: str
    digest: str


class GraphAnswer(msgspec.Struct, frozen=True, tag="graph"):
    """A graph with places.

    Each node is {name, lines, entry, helper, fans_out, tasks, x, y, width, height, state}. `tasks` are those that it
    stands for: several if they are folded, none for an engine command. `state` is null without a run, else {status,
    statuses, visits, items}: the worst status of its tasks, and how many tasks have which one.
    Each edge is {source, target, label, points, path, label_at}: the points where its curves meet, and the data of an
    SVG path. `layout` is {width, height}.
    """

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    layout: dict[str, float]


class Drawing(msgspec.Struct, frozen=True, tag="drawing"):
    """A graph as an SVG document."""

    document: str


class ValidationAnswer(msgspec.Struct, frozen=True, tag="validation"):
    """The findings in a text, each {code, severity, message, file, line, column, path, found, expected, hint}."""

    findings: list[dict[str, Any]]


class Reloaded(msgspec.Struct, frozen=True, tag="reloaded"):
    """The definitions have been read: how many workflows there are now."""

    workflows: int


class RehearsalAnswer(msgspec.Struct, frozen=True, tag="rehearsal"):
    """A rehearsed run, as `stretto rehearse --json` prints it, and the lines of its `transcript`.

    An action has its `context` only where it differs from that of the action before.
    """

    workflow: str
    status: str
    output: Any
    sequence: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    errors: list[Any]
    unused_rules: list[int]
    refused_requests: list[str]
    transcript: list[str]


class ActionsAnswer(msgspec.Struct, frozen=True, tag="actions"):
    """All actions by ref: {ref, description, pack, runner, isolation, used_by}, the last are the refs of workflows.

    `isolation` is thread, worker or fresh, or null for an action that runs in the daemon without a thread of its own.
    """

    actions: list[dict[str, Any]]


class ActionAnswer(msgspec.Struct, frozen=True, tag="action"):
    """An action as in `ActionsAnswer`, and {place, parameters, output}. The last two are JSON Schema."""

    action: dict[str, Any]


class RoutesAnswer(msgspec.Struct, frozen=True, tag="routes"):
    """The version of Stretto, the path of the `description` as OpenAPI, and the routes {method, path, role, summary}.

    `role` is the least one of who may send the request. Null is for everybody, also without a token.
    """

    version: str
    description: str
    routes: list[dict[str, str | None]]


class EngineAnswer(msgspec.Struct, frozen=True, tag="engine"):
    """{version, started_at, uptime_seconds, log_level, store, limits, figures, hour, settings, warnings}.

    `store` is {kind, version, bytes}. `hour` has a sample for each ten seconds in which the daemon was asked, or
    scraped. `warnings` are the last warnings and errors of the log, the newest first: {at, level, logger, event,
    fields}. `settings` and `warnings` are null for a caller that is not an admin.
    """

    engine: dict[str, Any]
