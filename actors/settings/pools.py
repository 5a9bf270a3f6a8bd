"""Reading of the section `pools`, whose members have names of the operator's own."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from stretto.actors.settings.carriers import carrier_problem
from stretto.actors.settings.pool import HERE, MAX_POOLS, PoolSettings
from stretto.actors.settings.refusing import refusal_of
from stretto.definitions.errors import names_there, nearest
from stretto.definitions.source import MapNode, Node, kind_of, to_data

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
# msgspec builds its knowledge of a type at the first use, which crashes the process when two threads do it at once.
msgspec.convert({}, PoolSettings)
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(PoolSettings)}


class NamedPool(NamedTuple):
    """The settings of a pool, and where they are."""

    settings: PoolSettings
    place: str


def read_pools(root: MapNode, environment: Mapping[str, str], problems: list[str]) -> dict[str, NamedPool]:
    """Return the pools of a config file by name.

    Args:
        root: The file's sections.
        environment: The variables, of which Ray has its own.
        problems: Takes what is wrong, each with its place, the found value and what is expected.
    """
    node = root.members.get("pools")
    if node is None:
        return {}
    place = f"{root.place.file}:{root.keys['pools'].line}"
    if not isinstance(node, MapNode):
        problems.append(f"{place}: the section pools must hold pools by name, got {kind_of(node)}")
        return {}
    if len(node.members) > MAX_POOLS:
        problems.append(f"{place}: the section pools must have at most {MAX_POOLS} pools, got {len(node.members)}")
        return {}
    pools: dict[str, NamedPool] = {}
    for name, member in node.members.items():
        line = f"{node.place.file}:{node.keys[name].line}"
        if not _NAME.match(name) or name == HERE:
            expected = "a name of a-z, 0-9 and - that begins with a letter and is not `here`"
            problems.append(f"{line}: a pool must have {expected}, got {name!r}")
        elif not isinstance(member, MapNode):
            problems.append(f"{line}: the pool {name} must hold settings, got {kind_of(member)}")
        else:
            found = _pool(name, member, problems)
            problem = carrier_problem(found.carrier, found.workers, found.address, environment, insecure=found.insecure)
            if problem is not None:
                problems.append(f"{line}: the pool {name}: {problem}")
            pools[name] = NamedPool(found, line)
    return pools


def default_pool_problem(name: str, pools: Iterable[str]) -> str | None:
    """Return why tasks cannot run in this pool if they name none, or None.

    Args:
        name: The setting `engine.runs_on`.
        pools: The names of the pools.
    """
    known = (HERE, *pools)
    if name in known:
        return None
    return f"engine.runs_on: there is no pool {name!r}; {nearest(name, known) or names_there(known)}"


def _pool(name: str, node: MapNode, problems: list[str]) -> PoolSettings:
    found = PoolSettings()
    for key, value in node.members.items():
        line = f"{node.place.file}:{node.keys[key].line}"
        if key not in _FIELDS:
            hint = nearest(key, _FIELDS) or "known: " + ", ".join(_FIELDS)
            problems.append(f"{line}: there is no setting {key!r} of a pool; {hint}")
            continue
        try:
            found = msgspec.structs.replace(found, **{key: _converted(key, value)})
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            problems.append(f"{line}: {refusal_of(f'pools.{name}.{key}', _FIELDS[key], to_data(value))}")
    return found


def _converted(key: str, value: Node) -> Any:
    return getattr(msgspec.convert({key: to_data(value)}, PoolSettings), key)
