"""The page that asks what of an ended run is to run again, with numbers."""

import secrets
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.label_lines import labels_in, text_of_labels
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.operations import Accepted, PreviewAnswer, PreviewRerun, Rerun
from stretto.definitions.errors import StrettoError

_KEY_BYTES: Final = 16
_NAMES: Final = ("everything", "failed_tasks", "failed_items")
_CHOICES: Final = frozenset({*_NAMES, "error_group", "item"})
_DEFAULTS: Final = ("error_group", "item", "failed_items", "failed_tasks", "everything")
"""The choices in the order in which the page opens with the first possible one."""


class Choice(msgspec.Struct, frozen=True):
    """A choice of the form.

    Attributes:
        name: The value of the form's field `choice`.
        tasks: The number of tasks that would run again.
        items: The number of their items that would.
        refusal: Why it is not possible, or "".
    """

    name: str
    tasks: int = 0
    items: int = 0
    refusal: str = ""


class RerunPage:
    """The page, and its form.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def ask(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show what each choice would do. The address may name an error group, or an item of a task."""
        head = await read_head(self._asker, request.path_params["run"], caller)
        given = {name: request.query_params.get(name, "") for name in ("error_group", "task", "item")}
        choices: list[Choice] = []
        if viewer.operates and head.ended:
            choices = [await self._choice(name, head, given, caller) for name in _names(given)]
        possible = {choice.name for choice in choices if not choice.refusal}
        wanted = request.query_params.get("choice", "")
        chosen = wanted if wanted in possible else next((name for name in _DEFAULTS if name in possible), "")
        return self._renderer.page(
            "rerun.html", viewer, path="/runs", head=head, choices=choices, chosen=chosen, given=given,
            key=secrets.token_hex(_KEY_BYTES), labels=text_of_labels(head.run["labels"] if head.run else {}),
        )  # fmt: skip

    async def rerun(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Start the new run, and show it. The same form sent twice starts one run."""
        choice = fields.get("choice", "")
        if choice not in _CHOICES:
            raise Problem("bad_request", f"choose what to run again: {', '.join(sorted(_CHOICES))}")
        labels = labels_in(fields["labels"]) if "labels" in fields else None
        wanted = request_from(
            Rerun, run=request.path_params["run"], note=fields.get("note"), idempotency_key=fields.get("key"),
            labels=labels, **_fields_of(choice, fields),
        )  # fmt: skip
        accepted = await self._asker.ask(wanted, caller, Accepted)
        return RedirectResponse(f"/runs/{accepted.run}", HTTPStatus.SEE_OTHER)

    async def _choice(self, name: str, head: RunHead, given: dict[str, str], caller: Caller) -> Choice:
        wanted = request_from(PreviewRerun, run=head.id, **_fields_of(name, given))
        try:
            found = (await self._asker.ask(wanted, caller, PreviewAnswer)).preview
        except StrettoError as error:
            return Choice(name, refusal=str(error))
        return Choice(name, found["tasks"], found["items"])


def _names(given: dict[str, str]) -> list[str]:
    """Return the choices that the page shows, the most special ones first."""
    special = ["error_group"] * bool(given["error_group"]) + ["item"] * bool(given["task"] and given["item"])
    return [*special, *reversed(_NAMES)]


def _fields_of(choice: str, fields: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a request for a rerun."""
    if choice == "error_group":
        return {"scope": "items", "error_group": fields.get("error_group")}
    if choice == "item":
        return {"scope": "items", "items": {fields.get("task"): [fields.get("item")]}}
    return {"scope": choice}
