"""Making a pack's actions known to an engine."""

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.actors.actions import Action, ActionParameter, ActionRegistry, DuplicateAction, UnknownAction
from stretto.actors.packs.model import Pack, PackAction
from stretto.actors.packs.process import missing, perform
from stretto.definitions.errors import Finding, InvalidDefinition
from stretto.definitions.frozen import freeze
from stretto.definitions.model import Parameter
from stretto.definitions.parameters import problems_of
from stretto.definitions.secrecy import secret_fields
from stretto.metrics import get_logger

_log = get_logger("stretto.packs")


def add_packs(registry: ActionRegistry, packs: Iterable[Pack]) -> None:
    """Add the actions of all packs; `InvalidDefinition` names those whose refs are taken. Warnings go to the log.

    Stretto's own actions win over a pack's (Attune's core pack has an echo, too), with a warning.
    """
    errors: list[Finding] = []
    for pack in packs:
        doubtful = list(pack.warnings)
        for described in pack.actions:
            if problem := missing(described):
                doubtful.append(Finding("cannot_perform", problem, described.place, severity="warning"))
            if _is_built_in(registry, described.ref):
                message = f"{described.ref} is an action of Stretto's own: the pack's is not used"
                doubtful.append(Finding("built_in_action", message, described.place, severity="warning"))
                continue
            try:
                registry.add(action_of(described))
            except DuplicateAction as error:
                errors.append(Finding("duplicate_ref", str(error), described.place))
        for warning in doubtful:
            _log.warning("pack_doubtful", pack=pack.manifest.ref, finding=str(warning))
        _log.info("pack_loaded", pack=pack.manifest.ref, version=pack.manifest.version, actions=len(pack.actions))
    if errors:
        raise InvalidDefinition(errors)


def action_of(described: PackAction) -> Action:
    """Return what a pack's file describes as an action that an engine can call."""

    async def call(**given: Any) -> Any:
        return await perform(described, given)

    def problems(values: Mapping[str, Any]) -> list[str]:
        return [
            problem
            for name, value in values.items()
            for problem in problems_of(described.parameters[name], freeze(value))
        ]

    parameters = tuple(map(_parameter, described.parameters.values()))
    return Action(
        described.ref, call, "async", parameters, description=described.description,
        problems_of=problems if parameters else None, origin=str(described.place),
        secret=secret_fields(described.parameters),
    )  # fmt: skip


def _parameter(parameter: Parameter) -> ActionParameter:
    # The enum is left to `problems_of`, which does not quote a secret.
    return ActionParameter(
        name=parameter.name,
        type=parameter.type,
        required=parameter.required,
        default=parameter.default,
        nullable=not parameter.required,
        description=parameter.description,
    )


def _is_built_in(registry: ActionRegistry, ref: str) -> bool:
    try:
        return registry.get(ref).function.__module__.startswith("stretto.actors.actions.")
    except UnknownAction:
        return False
