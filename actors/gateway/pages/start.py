"""The form that starts a run: made from the parameters, with the errors at their fields and all that was typed."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller, Forbidden
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.bodies import Most
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.definition import DefinitionPage
from stretto.actors.gateway.pages.definition_paths import DEFINITIONS_PATH, SHOWN, START, definition_url
from stretto.actors.gateway.pages.form_texts import FORMATS, UnreadableText, container_of
from stretto.actors.gateway.pages.forms import FormBounds
from stretto.actors.gateway.pages.label_lines import labels_in, text_of_labels
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.start_fields import (
    Field,
    Inputs,
    by_parameter,
    fields_as_sent,
    fields_of_schema,
    inputs_from,
    sent_for,
)
from stretto.actors.journal import MAX_NOTE
from stretto.actors.operations import (
    Accepted,
    DefinitionGraph,
    DefinitionShown,
    GraphAnswer,
    RehearsalAnswer,
    Rehearse,
    Run,
    RunAnswer,
    ShowDefinition,
    Submit,
)
from stretto.actors.runs import InvalidLabels
from stretto.definitions.context import MASK
from stretto.definitions.data import encode_json
from stretto.definitions.errors import InvalidInput, LimitExceeded, StrettoError, UnknownWorkflow

MAX_START_BYTES: Final = 4 * 1024 * 1024
"""The bound on the form of a run."""
MAX_START_FIELDS: Final = 1_000
"""The bound on its fields."""
SHOWN_RUNS: Final = 5
"""Earlier runs beside the form, whose inputs can be used."""
SHOWN_LINES: Final = 200
"""Lines of a rehearsal on the page."""
START_FORM: Final = FormBounds(Most(MAX_START_BYTES, "MAX_START_BYTES"), MAX_START_FIELDS, "MAX_START_FIELDS")
_DO: Final = "do"


class Form(msgspec.Struct):
    """The form, as the page shows it.

    Attributes:
        key: The idempotency key, made when the form was opened: sent twice, it starts one run.
        source: The run whose inputs it began with, or "".
        fields: The parameters.
        json: All inputs but secrets as JSON, or None if each has a field.
        json_error: Why that cannot be read, or "".
        labels: NAME=VALUE in each line.
        labels_error: Why they cannot be used, or "".
        note: What the audit shall say.
        problems: What is wrong besides.
        rehearsal: The answer of a rehearsal, or None.
    """

    key: str
    source: str
    fields: list[Field]
    json: str | None = None
    json_error: str = ""
    labels: str = ""
    labels_error: str = ""
    note: str = ""
    problems: list[str] = []
    rehearsal: RehearsalAnswer | None = None

    @property
    def errors(self) -> int:
        """How many fields cannot be used."""
        return sum(bool(each) for each in (*(field.error for field in self.fields), self.json_error, self.labels_error))


class StartPage:
    """The page, and what its form sends.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
        viewer_of: Returns who looks, for the page that answers a form.
        definitions: The page of a definition whose ref ends like the address of a form.
    """

    def __init__(
        self,
        renderer: Renderer,
        asker: Asker,
        viewer_of: Callable[[Request, Caller], Viewer],
        definitions: DefinitionPage,
    ) -> None:
        self._renderer = renderer
        self._asker = asker
        self._viewer_of = viewer_of
        self._definitions = definitions

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a new form, with the defaults or with the inputs of an earlier run."""
        whole = f"{request.path_params['ref']}{START}"
        if request.query_params.get("show") == SHOWN:
            return await self._definitions.page_of(whole, caller, viewer)
        try:
            definition = await self._definition(request, caller)
        except UnknownWorkflow:
            with suppress(UnknownWorkflow):
                return await self._definitions.page_of(whole, caller, viewer)
            raise
        if not definition["usable"]:
            return _to(definition["ref"])
        source = request.query_params.get("from", "")
        run = await self._run(source, caller) if source else {"inputs": {}, "labels": {}}
        schema = definition["parameters"]
        fields = await asyncio.to_thread(fields_of_schema, schema, run["inputs"])
        form = Form(uuid.uuid4().hex, source, fields, labels=text_of_labels(run["labels"]))
        if request.query_params.get("as") == "json" and all(field.kept is None for field in fields):
            form.json = await asyncio.to_thread(_json_text, schema, run["inputs"])
        return await self._page(form, definition, caller, viewer)

    async def send(self, request: Request, caller: Caller, sent: dict[str, str]) -> Response:
        """Start the run, rehearse it, or show the form in its other shape. Show it again with what is wrong."""
        definition = await self._definition(request, caller)
        if not definition["usable"]:
            return _to(definition["ref"])
        schema, viewer = definition["parameters"], self._viewer_of(request, caller)
        source = sent.get("from", "")
        earlier = (await self._run(source, caller))["inputs"] if source else {}
        inputs, json_error = await asyncio.to_thread(_read, schema, sent, earlier)
        form = Form(
            sent.get("key") or uuid.uuid4().hex, source, fields_as_sent(schema, sent, inputs.errors),
            sent.get("json"), json_error, labels=sent.get("labels", ""), note=sent.get("note", ""),
        )  # fmt: skip
        act = sent.get(_DO, "start")
        if act in {"as_json", "as_fields"}:
            await asyncio.to_thread(_turn, form, act, schema, inputs)
            return await self._page(form, definition, caller, viewer)
        labels = _labels_of(form)
        if len(form.note) > MAX_NOTE:
            form.problems.append(f"a note must have at most {MAX_NOTE:,} characters (MAX_NOTE)")
        status: int = HTTPStatus.UNPROCESSABLE_ENTITY
        if not form.errors and not form.problems:
            try:
                if act != "rehearse":
                    submit = Submit(
                        definition["ref"], inputs.values, form.key, labels or None, note=form.note.strip() or None
                    )
                    accepted = await self._asker.ask(submit, caller, Accepted)
                    return RedirectResponse(f"/runs/{accepted.run}", HTTPStatus.SEE_OTHER)
                rehearse = Rehearse(definition["ref"], inputs.values)
                form.rehearsal = await self._asker.ask(rehearse, caller, RehearsalAnswer)
                status = HTTPStatus.OK
            except (StrettoError, Problem) as error:
                status = _show(error, form, schema)
        return await self._page(form, definition, caller, viewer, status)

    async def _definition(self, request: Request, caller: Caller) -> dict[str, Any]:
        ref = request.path_params["ref"]
        return (await self._asker.ask(ShowDefinition(ref), caller, DefinitionShown)).definition

    async def _run(self, run: str, caller: Caller) -> dict[str, Any]:
        return (await self._asker.ask(Run(run), caller, RunAnswer)).run

    async def _page(
        self, form: Form, definition: dict[str, Any], caller: Caller, viewer: Viewer, status: int = HTTPStatus.OK
    ) -> Response:
        graph = None
        with suppress(LimitExceeded):  # the form is there without it
            graph = await self._asker.ask(DefinitionGraph(definition["ref"]), caller, GraphAnswer)
        return self._renderer.page(
            "start.html", viewer, status, path=DEFINITIONS_PATH, form=form, definition=definition, graph=graph,
            formats=FORMATS, shown_runs=SHOWN_RUNS, shown_lines=SHOWN_LINES, max_note=MAX_NOTE,
        )  # fmt: skip


def _to(ref: str) -> Response:
    return RedirectResponse(definition_url(ref), HTTPStatus.SEE_OTHER)


def _read(schema: Mapping[str, Any], sent: Mapping[str, str], earlier: Mapping[str, Any]) -> tuple[Inputs, str]:
    """Return the inputs that a form gives, and why its JSON cannot be read, or ""."""
    text = sent.get("json")
    if text is None:
        inputs = inputs_from(schema, sent, earlier)
        for name in inputs.values.keys() & earlier.keys():
            if sent.get(f"keep.{name}") and MASK in encode_json(inputs.values[name]).decode():
                inputs.errors[name] = f"the earlier run keeps secrets in {name!r} as {MASK}: write the value again"
        return inputs, ""
    secrets = {
        name: each for name, each in schema["properties"].items() if each.get("writeOnly") and sent.get(f"in.{name}")
    }
    inputs = inputs_from({"properties": secrets}, sent, {})
    try:
        values = container_of("object", "inputs", text.replace("\r\n", "\n"))
    except UnreadableText as error:
        return inputs, str(error)
    return Inputs({**values, **inputs.values}, inputs.errors), ""


def _json_text(schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return inputs as JSON, without secrets: those that are given, the defaults, and null for what must be given."""
    values = {}
    for name, each in schema["properties"].items():
        if each.get("writeOnly"):
            continue
        if name in given or "default" in each or name in schema.get("required", ()):
            values[name] = given.get(name, each.get("default"))
    values |= {name: value for name, value in given.items() if name not in schema["properties"]}
    return msgspec.json.format(encode_json(values), indent=2).decode()


def _labels_of(form: Form) -> dict[str, str]:
    try:
        return labels_in(form.labels)
    except InvalidLabels as error:
        form.labels_error = str(error)
        return {}


def _show(error: StrettoError | Problem, form: Form, schema: Mapping[str, Any]) -> int:
    """Put an error where it belongs in the form, and return the status of the page. Raises what is not the form's."""
    if isinstance(error, Forbidden) or error.code not in STATUSES:
        raise error
    if isinstance(error, InvalidInput):
        of_fields, form.problems = by_parameter(schema, error.problems)
        if form.json is not None:
            form.json_error = "; ".join(of_fields.values())
        for field in form.fields:
            field.error = of_fields.get(field.name, "")
    elif error.code == "invalid_labels":
        form.labels_error = str(error)
    else:
        form.problems = [str(error)]
    if error.code == "idempotency_conflict":
        form.key = uuid.uuid4().hex
        form.problems.append("The form was sent before with other inputs. Send it again to start another run.")
    return STATUSES[error.code]


def _turn(form: Form, act: str, schema: Mapping[str, Any], inputs: Inputs) -> None:
    """Give the form its other shape, with what was typed. JSON that cannot be read stays, and so do kept values."""
    if act == "as_json" and all(field.kept is None for field in form.fields):
        form.json = _json_text(schema, inputs.values)
        form.fields = [msgspec.structs.replace(field, error="") for field in form.fields]
    elif act == "as_fields" and not form.json_error:
        form.json = None
        form.fields = fields_as_sent(schema, sent_for(schema, inputs.values), {})
    elif act == "as_json":
        form.problems = ["A value of an earlier run that is kept has no place in JSON. Write it here first."]
