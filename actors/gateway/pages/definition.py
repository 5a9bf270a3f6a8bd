"""One definition: its source beside its graph, its parameters, and its last runs."""

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.definition_paths import DEFINITIONS_PATH
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.source_lines import Source, source_of
from stretto.actors.operations import (
    DefinitionGraph,
    DefinitionShown,
    DefinitionSource,
    GraphAnswer,
    ShowDefinition,
    SourceAnswer,
)
from stretto.definitions.data import encode_json
from stretto.definitions.errors import InvalidDefinition, LimitExceeded, UnknownWorkflow

MAX_DEFAULT: Final = 200
"""The most characters of a default in the list of parameters."""


class ParameterRow(msgspec.Struct, frozen=True):
    """A parameter in the list.

    Attributes:
        name: Its name.
        type: The types of its values, and its bounds, in words.
        required: Whether a run must give a value.
        default: Its default as JSON, or "".
        description: Text for people.
    """

    name: str
    type: str
    required: bool
    default: str
    description: str


class DefinitionPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the definition of the address."""
        return await self.page_of(request.path_params["ref"], caller, viewer)

    async def page_of(self, ref: str, caller: Caller, viewer: Viewer) -> Response:
        """Return the page of a definition. Raises `UnknownWorkflow`, and as the engine does."""
        definition = (await self._asker.ask(ShowDefinition(ref), caller, DefinitionShown)).definition
        graph, too_large = None, ""
        if definition["usable"]:
            try:
                graph = await self._asker.ask(DefinitionGraph(ref), caller, GraphAnswer)
            except LimitExceeded as error:
                too_large = str(error)
        return self._renderer.page(
            "definition.html", viewer, path=DEFINITIONS_PATH, definition=definition,
            source=await self._source(definition, caller), graph=graph, too_large=too_large,
            parameters=parameter_rows(definition["parameters"]),
        )  # fmt: skip

    async def _source(self, definition: dict[str, Any], caller: Caller) -> Source | None:
        """Return the source, or None if its file cannot be read."""
        try:
            source = await self._asker.ask(DefinitionSource(definition["ref"]), caller, SourceAnswer)
        except (UnknownWorkflow, InvalidDefinition):
            return None
        return source_of(source.text, source.file, definition["findings"])


def parameter_rows(schema: dict[str, Any] | None) -> list[ParameterRow]:
    """Return the parameters of a JSON Schema as the API has it. None has none."""
    if schema is None:
        return []
    required = schema.get("required", ())
    return [
        ParameterRow(
            name,
            described_type(each),
            name in required,
            _shortened(each["default"]) if "default" in each else "",
            each.get("description", ""),
        )
        for name, each in schema["properties"].items()
    ]


def described_type(schema: dict[str, Any]) -> str:
    """Return what values a schema takes, in words: "array of string", "one of 1, 2", "secret string"."""
    kinds = schema.get("type", "any")
    words = kinds if isinstance(kinds, str) else kinds[0]
    if isinstance(schema.get("items"), dict) and "type" in schema["items"]:
        inner = schema["items"]["type"]
        words += f" of {inner if isinstance(inner, str) else inner[0]}"
    if "enum" in schema:
        words = "one of " + ", ".join(_shortened(each) for each in schema["enum"] if each is not None)
    if schema.get("writeOnly"):
        words = f"secret {words}"
    return words + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    for least, most, what in (
        ("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " members"),
    ):  # fmt: skip
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            return f", {low:,} to {high:,}{what}"
        if low is not None:
            return f", at least {low:,}{what}"
        if high is not None:
            return f", at most {high:,}{what}"
    return ""


def _shortened(value: Any) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= MAX_DEFAULT else f"{text[:MAX_DEFAULT]}…"
