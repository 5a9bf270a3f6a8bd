"""Reads `runs_on`, of a workflow or of a task in the native dialect.

runs_on: compute
runs_on: "{{ item.zone }}"
runs_on: {pool: compute, cpus: 2, gpus: 1, memory: 2Gi, labels: {zone: eu}}
"""

import re
from typing import Final

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Constant, Site, Template
from stretto.definitions.model import Resources
from stretto.definitions.source import MapNode, Node, ScalarNode

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti)\Z")
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_EXPECTED: Final = "the name of a pool, an expression that gives one, or an object with `pool`"


def read_pool(reader: Reader, node: Node, what: str, site: Site) -> tuple[Template | None, Resources | None]:
    """Return the pool in which items run, and what each of them needs there. The reader collects the findings."""
    if not isinstance(node, MapNode):
        return _name(reader, node, what, site), None
    fields = Fields(reader, node, what)
    given = fields.require("pool")
    pool = None if given is None else _name(reader, given, f"'pool' of {what}", site)
    amounts = dict.fromkeys(("cpus", "gpus"), 0.0)
    for name in amounts:
        for member, label in fields.given(name):
            amounts[name] = _amount(reader, member, label)
    memory = next((_memory(reader, member, label) for member, label in fields.given("memory")), 0)
    labels = next((_labels(reader, member, label) for member, label in fields.given("labels")), {})
    fields.finish(lambda _name: None)
    return pool, Resources(amounts["cpus"], amounts["gpus"], memory, labels)


def _name(reader: Reader, node: Node, what: str, site: Site) -> Template | None:
    pool = reader.template(node, site)
    if isinstance(pool, Constant) and not (isinstance(pool.value, str) and pool.value):
        reader.wrong_type(what, node, _EXPECTED)
        return None
    return pool


def _amount(reader: Reader, node: Node, what: str) -> float:
    number = reader.number(node, what)
    if number is not None and number < 0:
        reader.wrong_type(what, node, "a number of at least 0")
    return float(number or 0)


def _memory(reader: Reader, node: Node, what: str) -> int:
    value = node.value if isinstance(node, ScalarNode) else None
    if type(value) is int and value >= 0:
        return value
    size = _SIZE.match(value) if isinstance(value, str) else None
    if size is None:
        reader.wrong_type(what, node, "a number of bytes, or a size such as 512Mi or 2Gi")
        return 0
    return int(float(size[1]) * _UNITS[size[2]])


def _labels(reader: Reader, node: Node, what: str) -> dict[str, str]:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return {}
    texts = {name: reader.text(member, f"{name!r} in {what}") for name, member in mapping.members.items()}
    return {name: text for name, text in texts.items() if text is not None}
