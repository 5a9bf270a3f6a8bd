"""The packs' configuration and the keystore, which runs read in addition to their parameters.

Both are read once when the engine starts, frozen, and shared by all runs.
"""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

from stretto.actors.locating import is_folder
from stretto.actors.packs.model import Manifest, Pack
from stretto.actors.text_files import read_text
from stretto.definitions.context import Mask, RunEnvironment, secret_fields, within
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, freeze, object_of
from stretto.definitions.errors import Finding, InvalidDefinition, NotData, Place, StrettoError, nearest
from stretto.definitions.model import Workflow, problems_of
from stretto.definitions.source import MapNode, compose, to_data
from stretto.definitions.validation import EnvironmentName, environment_names, missing_names

MAX_WORKFLOWS: Final = 1000
"""Workflows whose names are kept, for their next run."""

Source: TypeAlias = Mapping[str, Any] | str | PathLike[str]
"""Values, the path of a YAML or JSON file, or the path of a folder with a file for each pack."""


class InvalidPackConfig(StrettoError):
    """A pack's configuration does not fit its `conf_schema`. `problems` lists each misfit, without secrets."""

    code = "invalid_pack_config"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"invalid pack configuration: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type["InvalidPackConfig"], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class PackConfiguration:
    """The configuration and the keystore that each run can read.

    A run reads the configuration of its own pack, or the whole configuration if its pack is not loaded.
    """

    def __init__(self, config: FrozenDict, keystore: FrozenDict, packs: Mapping[str, Manifest]) -> None:
        self._config = config
        self._keystore = keystore
        self._secrets: list[Data] = [keystore]
        self._configs = {ref: self._of_pack(manifest, config) for ref, manifest in packs.items()}
        mask = Mask(self._secrets)
        self._given = {
            ref: RunEnvironment(values, keystore, secret, mask) for ref, (values, secret) in self._configs.items()
        }
        self._others = RunEnvironment(config, keystore, frozenset(), mask)
        self._names: dict[str, tuple[Workflow, tuple[EnvironmentName, ...]]] = {}

    def of_workflow(self, ref: str) -> RunEnvironment:
        """Return what a run of the workflow can read."""
        return self._given.get(ref.partition(".")[0], self._others)

    def missing_names(self, workflow: Workflow) -> tuple[Finding, ...]:
        """Return an error for each name that a run would read and that the keystore or the configuration lacks."""
        cached, names = self._names.get(workflow.ref, (None, ()))
        if cached is not workflow:
            names = environment_names(workflow)
            if len(self._names) >= MAX_WORKFLOWS:
                self._names.clear()
            self._names[workflow.ref] = workflow, names
        if not names:
            return ()
        given = self.of_workflow(workflow.ref)
        return missing_names(names, given.keystore.keys(), given.config.keys())

    def of_packs(self, packs: Iterable[Pack]) -> "PackConfiguration":
        """Return the same configuration and keystore for other packs, or raise InvalidPackConfig."""
        return _checked(self._config, self._keystore, packs)

    def _of_pack(self, manifest: Manifest, config: FrozenDict) -> tuple[FrozenDict, frozenset[str]]:
        given = config.get(manifest.ref, EMPTY_OBJECT)
        schema = manifest.config_schema or {}
        defaults = {name: parameter.default for name, parameter in schema.items()}
        values = object_of({**defaults, **manifest.config, **given})
        secret = secret_fields(schema)
        self._secrets.extend(found for fields in secret for found in within(values, fields))
        return values, frozenset(fields[0] for fields in secret)


class UnknownConfiguration(PackConfiguration):
    """The empty configuration of a rehearsal that is given none. Names are not missed before they are read."""

    def __init__(self) -> None:
        super().__init__(EMPTY_OBJECT, EMPTY_OBJECT, {})

    def missing_names(self, workflow: Workflow) -> tuple[Finding, ...]:  # noqa: ARG002 - the signature of all
        """Return nothing."""
        return ()


def read_pack_configuration(config: Source | None, keystore: Source | None, packs: Iterable[Pack]) -> PackConfiguration:
    """Read the packs' configuration and the keystore.

    Args:
        config: The configuration by pack, or None.
        keystore: The secrets by name, or None.
        packs: The loaded packs, whose schemas the configuration must fit.

    Raises:
        InvalidPackConfig: The configuration does not fit a pack's schema.
        InvalidDefinition: A file cannot be read or is not valid YAML.
    """
    return _checked(_read(config, "pack_config"), read_keystore(keystore), packs)


def read_keystore(source: Source | None) -> FrozenDict:
    """Return the secrets by name. Raises as `read_pack_configuration` does."""
    return _read(source, "keystore")


def _checked(config: FrozenDict, keystore: FrozenDict, packs: Iterable[Pack]) -> PackConfiguration:
    manifests = {pack.manifest.ref: pack.manifest for pack in packs}
    problems = [problem for manifest in manifests.values() for problem in _misfits(manifest, config)]
    if problems:
        raise InvalidPackConfig(problems)
    return PackConfiguration(config, keystore, manifests)


def _misfits(manifest: Manifest, config: FrozenDict) -> Iterable[str]:
    given = config.get(manifest.ref, EMPTY_OBJECT)
    if not isinstance(given, FrozenDict):
        yield f"the configuration of the pack {manifest.ref!r} must be an object"
        return
    if manifest.config_schema is None:
        return
    for name, value in given.items():
        parameter = manifest.config_schema.get(name)
        if parameter is None:
            hint = nearest(name, manifest.config_schema)
            yield f"the pack {manifest.ref!r} has no setting {name!r}" + (f"; {hint}" if hint else "")
        else:
            yield from problems_of(parameter, value, f"{manifest.ref}.{name}")
    for name, parameter in manifest.config_schema.items():
        if parameter.required and name not in given and name not in manifest.config:
            yield f"the pack {manifest.ref!r} needs the setting {name!r}"


def _read(source: Source | None, what: str) -> FrozenDict:
    if source is None:
        return EMPTY_OBJECT
    data = _from_path(Path(source), what) if isinstance(source, str | PathLike) else source
    try:
        frozen = freeze(data, what)
    except NotData as error:
        raise InvalidPackConfig([str(error)]) from None
    if not isinstance(frozen, FrozenDict):
        raise InvalidPackConfig([f"{what} must be an object of names and values"])
    return frozen


def _from_path(path: Path, what: str) -> Any:
    """Read a file, or a folder with a file for each pack such as StackStorm's `configs`."""
    if not is_folder(path):
        return _from_file(path, what)
    return {each.stem: _from_file(each, what) for each in sorted(path.glob("*.yaml"))}


def _from_file(path: Path, what: str) -> Any:
    findings: list[Finding] = []
    try:
        node = compose(read_text(path), str(path), findings.append)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidDefinition(
            [Finding("not_readable", f"cannot read {what}: {reason}", Place(str(path), 1, 1))]
        ) from None
    if node is not None and not isinstance(node, MapNode):
        findings.append(Finding("wrong_type", f"{what} must be an object of names and values", node.place))
    if findings:
        raise InvalidDefinition(findings)
    return to_data(node) if node is not None else {}
