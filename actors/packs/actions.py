"""Making a pack's actions known to an engine."""

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.actors.actions import ANY, Action, ActionParameter, ActionRegistry, DuplicateAction
from stretto.actors.packs.model import Pack, PackAction, PackCall, Refused
from stretto.actors.packs.process import missing, perform
from stretto.definitions.context import secret_fields
from stretto.definitions.data import freeze
from stretto.definitions.errors import Finding, InvalidDefinition
from stretto.definitions.model import Parameter, problems_of
from stretto.metrics import get_logger

_log = get_logger("stretto.packs")


def add_packs(registry: ActionRegistry, packs: Iterable[Pack]) -> None:
    """Add the actions of all packs; `InvalidDefinition` names those whose refs are taken.

    Stretto's own actions win over a pack's (Attune's core pack has an echo, too): that is one of its doubts.
    """
    errors: list[Finding] = []
    for pack in packs:
        errors += add_pack(registry, pack)
        _log.info("pack_loaded", pack=pack.manifest.ref, version=pack.manifest.version, actions=len(pack.actions))
    if errors:
        raise InvalidDefinition(errors)


def add_pack(registry: ActionRegistry, pack: Pack) -> list[Finding]:
    """Add the actions of a pack, and why others of it cannot be had; return an error for each whose ref is taken.

    What else is to be told of the pack is in `findings_of`.
    """
    for refused in _refusals(registry, pack):
        first = refused.findings[0]
        registry.refuse(refused.ref, f"its pack has one that is refused ({first.place}: {first.message}); {first.hint}")
    errors = []
    for described in pack.actions:
        if described.ref in registry.refused or _is_built_in(registry, described.ref):
            continue
        try:
            registry.add(_action_of(described))
        except DuplicateAction as error:
            errors.append(Finding("duplicate_ref", str(error), described.place))
    return errors


def findings_of(pack: Pack, registry: ActionRegistry) -> list[Finding]:
    """Return all that is to be told of a pack: which actions are refused (errors), and what is doubtful (warnings).

    Doubtful is what its files hold, what there is to run them, and what stands beside Stretto's own actions.
    """
    found = [finding for refused in _refusals(registry, pack) for finding in refused.findings]
    found += pack.warnings
    for described in pack.actions:
        if isinstance(described, PackAction) and (problem := missing(described)):
            found.append(Finding("cannot_perform", problem, described.place, severity="warning"))
        if _is_built_in(registry, described.ref):
            message = f"{described.ref} is an action of Stretto's own: the pack's is not used"
            found.append(Finding("built_in_action", message, described.place, severity="warning"))
    return found


def _refusals(registry: ActionRegistry, pack: Pack) -> list[Refused]:
    """Return the actions that cannot be had; those among them that make code of their input, unless it is allowed."""
    refused = list(pack.refused)
    if registry.refuses_rendered("stackstorm"):
        calls = [each for each in pack.actions if isinstance(each, PackCall)]
        refused += [Refused(each.ref, (each.rendered,)) for each in calls if each.rendered is not None]
    return [each for each in refused if not _is_built_in(registry, each.ref)]


def _action_of(described: PackAction | PackCall) -> Action:
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
        described.ref, call, "async", parameters, description=described.description,
        find_problems=described.find_problems, origin=str(described.place),
        secret=secret_fields(described.parameters), literal=described.literal,
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
        find_problems=problems if parameters else None, origin=str(described.place),
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
