"""Reading of settings from their three sources, checked value by value so that each error has its own place."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from stretto.actors.settings.model import SECTIONS, Settings, fields_of
from stretto.actors.settings.pool import HERE
from stretto.actors.settings.pools import default_pool_problem, read_pools
from stretto.actors.settings.refusing import refusal_of
from stretto.actors.text_files import read_text
from stretto.definitions.errors import Finding, StrettoError, nearest
from stretto.definitions.source import MapNode, Node, compose, kind_of, to_data, undecoded_place

DEFAULT_FILE: Final = Path("/etc/stretto/stretto.yaml")
FILE_VARIABLE: Final = "STRETTO_CONFIG"
STORE_VARIABLE: Final = "STRETTO_STORE"
"""The short name of STRETTO__ENGINE__STORE, which wins over it. `stretto runs` reads it, too."""
PREFIX: Final = "STRETTO__"

# msgspec builds its knowledge of a type at the first use, which crashes the process when two threads do it at once.
for _each in (Settings, *SECTIONS.values()):
    msgspec.convert({}, _each)


class InvalidSettings(StrettoError):
    """Settings are wrong. `problems` lists each with its place, the found value and what is expected."""

    code = "invalid_settings"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type["InvalidSettings"], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True, slots=True)
class Flag:
    """A given flag, such as `--port` for the setting `port` of `serve`.

    Attributes:
        name: The flag, for messages.
        section: The section of the setting.
        key: The setting.
        value: The given value.
    """

    name: str
    section: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Effective:
    """The effective settings, and their sources.

    Attributes:
        settings: The settings.
        origins: The source of each setting by `section.key`. Settings that are not in it have their defaults.
        file: The config file, or None without one.
    """

    settings: Settings
    origins: Mapping[str, str]
    file: str | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    """A value from a source. `place` is for people. With `is_text`, the setting's type decides how to read it."""

    section: str
    key: str
    value: Any
    place: str
    is_text: bool = False


def read_settings(
    file: str | None = None, environment: Mapping[str, str] | None = None, flags: Iterable[Flag] = ()
) -> Effective:
    """Read all three sources. Flags win over the environment, and the environment wins over the file.

    Args:
        file: The YAML file. By default that of $STRETTO_CONFIG, or /etc/stretto/stretto.yaml if it exists.
        environment: The variables. By default those of this process.
        flags: The given flags.

    Raises:
        InvalidSettings: A value is wrong, a name is unknown, or the file cannot be read. All problems are listed.
    """
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    file = _file(file, environment)
    root = _document(file, problems)
    given = [
        *_from_document(root, problems),
        *_from_environment(environment, problems),
        *(_Given(flag.section, flag.key, flag.value, f"the flag {flag.name}") for flag in flags),
    ]
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    origins: dict[str, str] = {}
    for each in given:
        try:
            values[each.section][each.key] = _converted(each)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            field = fields_of(each.section)[each.key]
            problems.append(f"{each.place}: {refusal_of(f'{each.section}.{each.key}', field, each.value)}")
        origins[f"{each.section}.{each.key}"] = each.place
    pools = {} if root is None else read_pools(root, environment, problems)
    origins.update({f"pools.{name}": pool.place for name, pool in pools.items()})
    no_default = default_pool_problem(values["engine"].get("runs_on", HERE), pools)
    if no_default is not None:
        problems.append(f"{origins['engine.runs_on']}: {no_default}")
    if problems:
        raise InvalidSettings(problems)
    settings = msgspec.convert(values, Settings)
    return Effective(msgspec.structs.replace(settings, pools={n: p.settings for n, p in pools.items()}), origins, file)


def _converted(given: _Given) -> Any:
    """Return the value in its setting's type, or raise msgspec's ValidationError."""
    kind = SECTIONS[given.section]
    value = given.value
    # A list in text is JSON or separated by commas. msgspec reads other types from text ("100", "true").
    if given.is_text and isinstance(getattr(kind(), given.key), tuple):
        value = msgspec.json.decode(value) if value.startswith("[") else [each for each in value.split(",") if each]
    section = msgspec.convert({given.key: value}, kind, strict=not given.is_text)
    return getattr(section, given.key)


def _file(given: str | None, environment: Mapping[str, str]) -> str | None:
    chosen = given or environment.get(FILE_VARIABLE)
    if chosen:
        return chosen
    return str(DEFAULT_FILE) if DEFAULT_FILE.exists() else None


def _document(file: str | None, problems: list[str]) -> MapNode | None:
    """Return the sections of the file, or None if it has none."""
    if file is None:
        return None
    try:
        text = read_text(file)
    except OSError as error:
        problems.append(f"{file}: cannot read the file: {error.strerror}")
        return None
    except UnicodeDecodeError as error:
        problems.append(f"{undecoded_place(file, error)}: the file is not UTF-8: byte {error.start} cannot be read")
        return None
    findings: list[Finding] = []
    root = compose(text, file, findings.append)
    problems.extend(str(each) for each in findings if each.code != "yaml_empty")  # an empty file is valid
    if root is None or (not isinstance(root, MapNode) and to_data(root) is None):
        return None
    if not isinstance(root, MapNode):
        problems.append(f"{file}:1: the file must have sections ({', '.join(SECTIONS)}), got {kind_of(root)}")
        return None
    return root


def _from_document(root: MapNode | None, problems: list[str]) -> Iterator[_Given]:
    for section, node in () if root is None else root.members.items():
        if section != "pools" and root is not None:
            yield from _from_section(section, node, f"{root.place.file}:{root.keys[section].line}", problems)


def _from_section(section: str, node: Node, place: str, problems: list[str]) -> Iterator[_Given]:
    if section not in SECTIONS:
        problems.append(f"{place}: {_unknown('section', section, (*SECTIONS, 'pools'))}")
        return
    if not isinstance(node, MapNode):
        problems.append(f"{place}: the section {section} must hold settings, got {kind_of(node)}")
        return
    known = fields_of(section)
    for key, value in node.members.items():
        line = f"{node.place.file}:{node.keys[key].line}"
        if key in known:
            yield _Given(section, key, to_data(value), line)
        else:
            problems.append(f"{line}: {_unknown('setting', key, known)}")


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> Iterator[_Given]:
    names = {f"{PREFIX}{section}__{key}".upper(): (section, key) for section in SECTIONS for key in fields_of(section)}
    if environment.get(STORE_VARIABLE):
        yield _Given("engine", "store", environment[STORE_VARIABLE], f"the variable {STORE_VARIABLE}", is_text=True)
    for variable in sorted(environment):
        if not variable.startswith(PREFIX):
            continue
        if variable in names:
            yield _Given(*names[variable], environment[variable], f"the variable {variable}", is_text=True)
        else:
            problems.append(f"the environment: {_unknown('variable', variable, names)}")


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = tuple(known)
    return f"there is no {what} {name!r}; {nearest(name, names) or 'known: ' + ', '.join(names)}"
