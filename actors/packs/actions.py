"""Making a pack's actions known to an engine."""

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.actors.actions import Action, ActionParameter, ActionRegistry, DuplicateAction
from stretto.actors.actions.schema import ANY
from stretto.actors.packs.model import Pack, PackAction, PackCall, Refused
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
        _refuse(registry, pack)
        doubtful = list(pack.warnings)
        for described in pack.actions:
            if isinstance(described, PackAction) and (problem := missing(described)):
                doubtful.append(Finding("cannot_perform", problem, described.place, severity="warning"))
            if _is_built_in(registry, described.ref):
                message = f"{described.ref} is an action of Stretto's own: the pack's is not used"
                doubtful.append(Finding("built_in_action", message, described.place, severity="warning"))
                continue
            if described.ref in registry.refused:
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


def findings_of(pack: Pack, registry: ActionRegistry) -> list[Finding]:
    """Return all that is told of a pack: what is refused, and what is doubtful."""
    refusals = [each for each in _refusals(registry, pack) if not _is_built_in(registry, each.ref)]
    refused = [finding for each in refusals for finding in each.findings]
    return [*refused, *pack.warnings]


def _refuse(registry: ActionRegistry, pack: Pack) -> None:
    """Have the registry know why some actions of a pack cannot be had."""
    for refused in _refusals(registry, pack):
        if _is_built_in(registry, refused.ref):
            continue
        first = refused.findings[0]
        registry.refuse(refused.ref, f"its pack has one that is refused ({first.place}: {first.message}); {first.hint}")
        told = [str(finding) for finding in refused.findings]
        _log.warning("action_refused", pack=pack.manifest.ref, action=refused.ref, findings=told)


def _refusals(registry: ActionRegistry, pack: Pack) -> list[Refused]:
    """Return the actions that cannot be had; those among them that make code of their input, unless it is allowed."""
    if not registry.refuses_rendered("stackstorm"):
        return list(pack.refused)
    calls = [each for each in pack.actions if isinstance(each, PackCall)]
    return [*pack.refused, *(Refused(each.ref, (each.rendered,)) for each in calls if each.rendered is not None)]


def action_of(described: PackAction | PackCall) -> Action:
    """Return what a pack's file describes as an action that an engine can call."""
    return _performed_by_a_process(described) if isinstance(described, PackAction) else _called(described)


def _called(described: PackCall) -> Action:
    async def call(**given: Any) -> Any:
        return await described.perform(given)

    # Types are left to `problems_of`: StackStorm takes the text "5" for a number.
    parameters = tuple(
        ActionParameter(
            each.name, ANY, required=each.required, default=each.default, nullable=True, description=each.description
        )
        for each in described.parameters.values()
    )
    return Action(
        described.ref, call, "async", parameters, description=described.description, problems_of=described.problems_of,
        origin=str(described.place), secret=secret_fields(described.parameters), literal=described.literal,
    )  # fmt: skip


def _performed_by_a_process(described: PackAction) -> Action:
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
    found = registry.find(ref, "stackstorm")
    return found is not None and found.function.__module__.startswith("stretto.actors.actions.")
