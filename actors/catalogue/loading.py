"""Loads actions, packs and definitions. Every command and the engine load them here, so that they agree."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import stretto.actors.actions.core  # noqa: F401 - registers the core actions
from stretto.actors.actions import ActionRegistry, RenderedCommands
from stretto.actors.catalogue.catalogue import Catalogue
from stretto.actors.catalogue.rules import DEFAULT_RULES, LogEvent, Rules
from stretto.actors.locating import Survey, is_folder, rule_files, survey
from stretto.definitions.errors import Finding, UnknownWorkflow

if TYPE_CHECKING:
    from stretto.actors.packs import Pack


@dataclass(frozen=True, slots=True)
class Library:
    """All that an engine or a command knows of actions and workflows.

    Attributes:
        actions: The actions that tasks can call.
        packs: The packs that were loaded.
        catalogue: The workflows.
    """

    actions: ActionRegistry
    packs: "tuple[Pack, ...]"
    catalogue: Catalogue


def core_actions(rendered_commands: RenderedCommands = "owner") -> ActionRegistry:
    """Return a registry of the core actions, and of all actions that Python code registers."""
    return ActionRegistry.registered(rendered_commands)


def load_library(  # noqa: PLR0913 - keywords, each a choice that stands alone
    definitions: Iterable[str | PathLike[str] | Survey] = (),
    *,
    actions: Iterable[str] = (),
    packs: Iterable[str | PathLike[str]] = (),
    rendered_commands: RenderedCommands = "owner",
    earlier: Catalogue | None = None,
    rules: Rules = DEFAULT_RULES,
    wrap: Callable[[ActionRegistry], ActionRegistry] = lambda registry: registry,
    findings: list[Finding] | None = None,
    when_needed: bool = False,
) -> Library:
    """Load actions, packs and definitions.

    Args:
        definitions: Folders, or surveys of them. They and the folders below them are searched for definitions and
            packs.
        actions: Python modules, or paths of Python files, that register actions.
        packs: Packs, and folders of packs.
        rendered_commands: Which runs of Orquesta definitions may put expressions into inputs that are code.
        earlier: The catalogue to replace. Then Python code is not loaded again.
        rules: How definitions are checked and reported.
        wrap: Returns the registry that the catalogue uses, given that of all actions.
        findings: Takes the findings of packs among the definitions. Without it, their errors are raised.
        when_needed: Whether to load the actions of installed distributions only when a task calls an unknown ref.

    Raises:
        CannotLoadActions: A module cannot be imported.
        InvalidDefinition: Packs have errors. The exception lists them all.
        UnknownWorkflow: There is no such folder of definitions.
    """
    surveys = [each if isinstance(each, Survey) else _surveyed(Path(each)) for each in definitions]
    registry = core_actions(rendered_commands)
    for module in actions:
        registry.load(module)
    if when_needed:
        rules = replace(rules, find_more=functools.cache(functools.partial(_load_installed, rules.log)))
    elif earlier is None:
        _load_installed(rules.log)
    among = [pack for each in surveys for pack in each.packs]
    loaded = _load_packs(registry, [*map(Path, packs)], among, findings, rules)
    catalogue = Catalogue(wrap(registry), earlier, rules)
    for pack in loaded:
        catalogue.add_pack(pack)
        catalogue.read_files(rule_files(pack.manifest.folder))
    for each in surveys:
        catalogue.read_files(each.definitions)
    catalogue.check()
    return Library(registry, loaded, catalogue)


def _surveyed(folder: Path) -> Survey:
    if not is_folder(folder):
        raise UnknownWorkflow(f"there is no folder of definitions {str(folder)!r}")
    return survey(folder)


def _load_installed(log: LogEvent) -> None:
    from stretto.actors.actions import load_entry_points  # noqa: PLC0415 - slow

    for broken in load_entry_points():
        log("actions_not_loaded", reason=str(broken))


def _load_packs(
    registry: ActionRegistry, named: list[Path], among: list[Path], findings: list[Finding] | None, rules: Rules
) -> "tuple[Pack, ...]":
    if not named and not among:
        return ()
    from stretto.actors.packs import (  # noqa: PLC0415 - slow
        MAX_PACK_ACTIONS,
        add_pack,
        add_packs,
        examine_packs,
        findings_of,
        read_packs,
        refuse_unmade,
    )

    most = MAX_PACK_ACTIONS if rules.max_pack_actions is None else rules.max_pack_actions
    if findings is None:
        read = read_packs([*named, *among], max_actions=most)
        if rules.runs_actions:
            refuse_unmade(registry, read)
        add_packs(registry, read)
        return tuple(read)
    read = read_packs(named, max_actions=most)
    add_packs(registry, read)
    before = {pack.manifest.folder.resolve() for pack in read}
    examined, errors = examine_packs([each for each in among if each.resolve() not in before], before=read)
    findings += errors
    for pack in examined:
        findings += add_pack(registry, pack)
    to_report = {each.resolve() for each in among}
    for pack in (*read, *examined):
        if pack.manifest.folder.resolve() in to_report:
            findings += findings_of(pack, registry)
    return (*read, *examined)
