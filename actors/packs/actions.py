"""Registration of a pack's actions with an engine."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from stretto.actors.actions import ANY, Action, ActionParameter, ActionRegistry, DuplicateAction
from stretto.actors.packs.digests import pack_digest
from stretto.actors.packs.environments import Kind, unmade
from stretto.actors.packs.model import Manifest, Pack, PackAction, PackCall, Refused
from stretto.actors.packs.process import missing, run_action
from stretto.actors.packs.warm import warm_action
from stretto.definitions.context import secret_fields
from stretto.definitions.data import freeze
from stretto.definitions.errors import Finding, InvalidDefinition
from stretto.definitions.model import Parameter, problems_of
from stretto.metrics import get_logger

_log = get_logger("stretto.packs")
_QUOTED: Final = re.compile(r"'[^']*'")


def add_packs(registry: ActionRegistry, packs: Iterable[Pack]) -> None:
    """Add the actions of all packs to a registry.

    Stretto's own actions win over a pack's actions of the same ref. `findings_of` warns about those.

    Args:
        registry: Where the actions go.
        packs: The packs, as `read_packs` returns them.

    Raises:
        InvalidDefinition: Another action has the ref of a pack's action. All such refs are listed.
    """
    errors: list[Finding] = []
    for pack in packs:
        errors += add_pack(registry, pack)
        _log.info("pack_loaded", pack=pack.manifest.ref, version=pack.manifest.version, actions=len(pack.actions))
    if errors:
        raise InvalidDefinition(errors)


def add_pack(registry: ActionRegistry, pack: Pack) -> list[Finding]:
    """Add the actions of a pack to a registry, and the reasons for its refused actions.

    Args:
        registry: Where the actions go.
        pack: The pack.

    Returns:
        One error for each action whose ref is taken. `findings_of` returns all other findings.
    """
    for refused in _refusals(registry, pack):
        first = refused.findings[0]
        registry.refuse(refused.ref, f"its pack's action is refused ({first.place}: {first.message}); {first.hint}")
    errors = []
    for described in pack.actions:
        if described.ref in registry.refused or _is_built_in(registry, described.ref):
            continue
        try:
            registry.add(_action_of(described, pack.manifest))
        except DuplicateAction as error:
            errors.append(Finding("duplicate_ref", str(error), described.place))
    return errors


def refuse_unmade(registry: ActionRegistry, packs: Iterable[Pack]) -> None:
    """Refuse the actions that need an environment which is not made, before their packs are added.

    Args:
        registry: Where the refusals go. Each has the command that makes the environment.
        packs: The packs.
    """
    for pack in packs:
        kinds = {each.needs for each in pack.actions if each.needs is not None}
        problems = {kind: unmade(pack.manifest.folder, kind) for kind in kinds}
        for described in pack.actions:
            if described.needs is not None and (problem := problems[described.needs]):
                registry.refuse(described.ref, problem)


def findings_of(pack: Pack, registry: ActionRegistry) -> list[Finding]:
    """Return the findings of a pack.

    Args:
        pack: The pack.
        registry: The registry to which the pack is added.

    Returns:
        An error for each refused action, then warnings: doubtful fields in the pack's files, actions that turn their
        input into code, environments that are not made, actions that this machine cannot run, and actions that one of
        Stretto's own replaces.
    """
    found = [finding for refused in _refusals(registry, pack) for finding in refused.findings]
    found += gathered(pack.warnings)
    if registry.rendered_commands == "owner":
        found += gathered(_rendered(pack))
    found += _unmade_environments(pack)
    cannot, built_in = list[Finding](), list[Finding]()
    for described in pack.actions:
        if isinstance(described, PackAction) and (problem := missing(described)):
            cannot.append(Finding("cannot_perform", problem, described.place, severity="warning"))
        if _is_built_in(registry, described.ref):
            message = f"Stretto's own action {described.ref} is used instead of the pack's"
            built_in.append(Finding("built_in_action", message, described.place, severity="warning"))
    return [*found, *gathered(cannot), *gathered(built_in)]


def gathered(warnings: Iterable[Finding]) -> list[Finding]:
    """Return one finding for each kind of warning, the first one with the number of the others.

    Warnings are of one kind if they have one code and differ only in the names that they quote. The field of
    `not_acted_on` is no such name.
    """
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for each in warnings:
        kinds.setdefault((each.code, _kind_of(each)), []).append(each)
    return [
        first if not others else replace(first, message=f"{first.message}, and {len(others):,} more like it")
        for first, *others in kinds.values()
    ]


def _kind_of(finding: Finding) -> str:
    """Return a message without the names that differ between findings of one kind."""
    field, quoted, rest = finding.message.partition("' of the parameter ")
    if finding.code == "not_acted_on":
        return field + quoted if rest else finding.message
    return _QUOTED.sub("", finding.message) if finding.code not in {"cannot_perform", "built_in_action"} else ""


def _unmade_environments(pack: Pack) -> list[Finding]:
    needed: dict[Kind, int] = {}
    for described in pack.actions:
        if described.needs is not None:
            needed[described.needs] = needed.get(described.needs, 0) + 1
    return [
        Finding("environment_not_made", f"{problem} ({count} actions need it)", pack.manifest.place, severity="warning")
        for kind, count in needed.items()
        if (problem := unmade(pack.manifest.folder, kind))
    ]


def _rendered(pack: Pack) -> list[Finding]:
    """Return a warning for each action that turns its input into code."""
    calls = [each for each in pack.actions if isinstance(each, PackCall)]
    return [replace(each.rendered, severity="warning") for each in calls if each.rendered is not None]


def _refusals(registry: ActionRegistry, pack: Pack) -> list[Refused]:
    """Return the refused actions, including those that turn input into code unless the registry allows it."""
    refused = list(pack.refused)
    if registry.rendered_commands == "refuse":
        calls = [each for each in pack.actions if isinstance(each, PackCall)]
        refused += [Refused(each.ref, (each.rendered,)) for each in calls if each.rendered is not None]
    return [each for each in refused if not _is_built_in(registry, each.ref)]


def _action_of(described: PackAction | PackCall, manifest: Manifest) -> Action:
    return _process_action(described, manifest) if isinstance(described, PackAction) else _call_action(described)


def _call_action(described: PackCall) -> Action:
    async def call(**given: Any) -> Any:
        return await described.run(given)

    # `find_problems` checks the types, because StackStorm accepts the text "5" as a number.
    parameters = tuple(
        ActionParameter(
            each.name, ANY, required=each.required, default=each.default, nullable=True, description=each.description
        )
        for each in described.parameters.values()
    )
    return Action(
        described.ref, call, "async" if described.code is None else described.isolation or "fresh", parameters,
        description=described.description, find_problems=described.find_problems, origin=str(described.place),
        secret=secret_fields(described.parameters), result=described.result, literal=described.literal,
        fill=described.fill, renders_code=described.rendered is not None, code=described.code,
        isolation=described.isolation,
    )  # fmt: skip


def _process_action(described: PackAction, manifest: Manifest) -> Action:
    code = warm_action(described, manifest)

    async def call(**given: Any) -> Any:
        return await run_action(described, given)

    def problems(values: Mapping[str, Any]) -> list[str]:
        return [
            problem
            for name, value in values.items()
            for problem in problems_of(described.parameters[name], freeze(value))
        ]

    parameters = tuple(map(_parameter, described.parameters.values()))
    return Action(
        described.ref, call, "async" if code is None else described.isolation, parameters,
        description=described.description, find_problems=problems if parameters else None, origin=str(described.place),
        secret=secret_fields(described.parameters), result=described.result, code=code,
        isolation=described.isolation, digest=partial(pack_digest, manifest),
    )  # fmt: skip


def _parameter(parameter: Parameter) -> ActionParameter:
    # `find_problems` checks the enum, because its message does not quote a secret.
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
