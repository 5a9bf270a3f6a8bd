"""The requests about definitions, actions and the daemon: one struct each. The struct's tag is its `type` in JSON."""

from typing import Annotated, Any, Final

import msgspec

from stretto.actors.operations.base import NotedRequest, Request
from stretto.actors.operations.requests import Definition, FileName
from stretto.actors.rehearsal import Control, Rule

MAX_RULES: Final = 1_000
"""Rules of one rehearsal. Each attempt looks at them in their order."""
MAX_CONTROLS: Final = 1_000

Search = Annotated[str, msgspec.Meta(max_length=200)]
"""A text that is looked for."""


class Definitions(Request, frozen=True, tag="definitions"):
    """Return all definitions, refused ones first: those with `q` in their ref, label, description or file."""

    q: Search | None = None


class ShowDefinition(Request, frozen=True, tag="show_definition"):
    """Return a definition by its ref, also one that is refused: its parameters, findings, and last runs."""

    ref: str


class DefinitionSource(Request, frozen=True, tag="definition_source"):
    """Return the text of a definition, and its digest."""

    ref: str


class DefinitionGraph(Request, frozen=True, tag="definition_graph"):
    """Return the graph of a definition, with places for its tasks and lines.

    Of more than 150 tasks, parallel groups and tasks in a row are folded.
    """

    ref: str


class DefinitionDrawing(Request, frozen=True, tag="definition_drawing"):
    """Return the graph of a definition as an SVG document."""

    ref: str


class RunGraph(Request, frozen=True, tag="run_graph"):
    """Return the graph of the definition that a run runs with, and the states of its tasks."""

    run: str


class RunDrawing(Request, frozen=True, tag="run_drawing"):
    """Return the graph of a run as an SVG document."""

    run: str


class Validate(Request, frozen=True, tag="validate"):
    """Return the findings in a definition's text, as the daemon would load it. `file` is its name in findings."""

    file: FileName
    text: str


class Reload(NotedRequest, frozen=True, tag="reload"):
    """Read all definitions again, as SIGHUP does. A workflow whose file has errors stays as it was."""


class RehearsalRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the attempts end that agree with every key of the rule. docs/rehearsals.md describes the keys."""


class RehearsalControl(Control, frozen=True, forbid_unknown_fields=True):
    """A request, an answer or an event that comes before a completion or at a time. See docs/rehearsals.md."""


class Rehearse(Request, frozen=True, tag="rehearse"):
    """Rehearse a run: the real engine runs it with scripted results instead of actions, on virtual time.

    `config` and `keystore` have made-up values of `config.*` and `keystore.*`; the daemon's own are not used.
    """

    workflow: str | Definition
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    script: Annotated[list[RehearsalRule], msgspec.Meta(max_length=MAX_RULES)] = msgspec.field(default_factory=list)
    controls: Annotated[list[RehearsalControl], msgspec.Meta(max_length=MAX_CONTROLS)] = msgspec.field(
        default_factory=list
    )
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    keystore: dict[str, Any] = msgspec.field(default_factory=dict)


class Actions(Request, frozen=True, tag="actions"):
    """Return all actions: those with `q` in their ref or description, those of a pack."""

    q: Search | None = None
    pack: str | None = None


class ShowAction(Request, frozen=True, tag="show_action"):
    """Return an action by its ref: what it takes and returns, and the workflows that call it."""

    ref: str


class ListRoutes(Request, frozen=True, tag="list_routes"):
    """Return what this API has: every method and path, and where its whole description is."""


class ShowEngine(Request, frozen=True, tag="show_engine"):
    """Return the daemon's version, store, limits and figures, and for an admin its settings and last warnings."""


OF_A_DEFINITION: Final = (ShowDefinition, DefinitionSource, DefinitionGraph, DefinitionDrawing)
"""The requests about one definition, whose ref they have."""
ALL: Final[tuple[type[Request], ...]] = (
    *OF_A_DEFINITION, Definitions, RunGraph, RunDrawing, Validate, Reload, Rehearse, Actions, ShowAction,
    ListRoutes, ShowEngine,
)  # fmt: skip
"""All requests of this module."""
