"""StackStorm's functions that need no StackStorm, the same in YAQL and in Jinja, where they are filters, too.

Meanings as of `st2common/expressions/functions` (3.9). Each takes the evaluation first; a wrong argument is a
`TypeError` or `ValueError` with a text for the definition's author.
"""

import datetime as dt
import json
import posixpath
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from stretto.definitions.data import FrozenDict, FrozenList, thaw, weigh
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.values import settle
from stretto.definitions.expressions.functions import type_name
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.regular import Pattern, pattern_of
from stretto.definitions.expressions.orquesta.texts import text_of

MAX_INDENT = 32
MAX_ALIASES = 20
"""Of a YAML text: each can stand for all that comes before it, and merging keys copies it."""
YAML_CHARACTERS_A_STEP = 32
"""Reading and writing YAML takes microseconds a character."""
NO_VALUE = "%*****__%NONE%__*****%"
"""What StackStorm takes for null in a parameter of an action."""
EXTRA = "pip install 'stretto[orquesta]'"


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}() takes a text, not a value of type {type_name(value)}")
    return value


def _members(data: Any) -> int:
    """Return how many values there are in data, containers counted."""
    pending, count = [data], 0
    while pending:
        value = pending.pop()
        count += 1
        if isinstance(value, FrozenDict):
            pending += value.values()
        elif isinstance(value, FrozenList):
            pending += value
    return count


def _refused_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def from_json_string(evaluation: Evaluation, value: Any) -> Any:
    text = text_of(value, evaluation.fuel)
    evaluation.fuel.make_text(len(text))
    return json.loads(text, parse_constant=_refused_constant)


def _pay_for_writing(fuel: Fuel, data: Any, indent: Any) -> None:
    step = len(indent) if isinstance(indent, str) else 0 if indent is None else indent
    if type(step) is not int or not 0 <= step <= MAX_INDENT:
        raise ValueError(f"an indent is a number from 0 to {MAX_INDENT}")
    members = _members(data) if isinstance(data, FrozenDict | FrozenList) else 1
    fuel.burn(members)
    depth = data.depth if isinstance(data, FrozenDict | FrozenList) else 0
    fuel.make_text(weigh(data) + members * step * depth)


def to_json_string(
    evaluation: Evaluation,
    value: Any,
    indent: Any = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002 - the parameters of StackStorm's function
    separators: Any = (",", ": "),
) -> str:
    data = settle(value, evaluation.fuel)
    _pay_for_writing(evaluation.fuel, data, indent)
    item, key = (",", ": ") if separators is None else (_string("to_json_string", each) for each in separators)
    if len(item) + len(key) > MAX_INDENT:
        raise ValueError(f"separators have at most {MAX_INDENT} characters")
    text = json.dumps(data, indent=indent, sort_keys=sort_keys, separators=(item, key))
    evaluation.fuel.make_text(len(text))
    return text


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, for which a date is a text: data is JSON-like."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def from_yaml_string(evaluation: Evaluation, value: Any) -> Any:
    text = text_of(value, evaluation.fuel)
    evaluation.fuel.make_text(len(text))
    evaluation.fuel.burn(len(text) // YAML_CHARACTERS_A_STEP)
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
        if aliases > MAX_ALIASES:
            raise ValueError(f"from_yaml_string() takes a text with at most {MAX_ALIASES} aliases")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"from_yaml_string() cannot read the text: {' '.join(str(error).split())}") from None


def to_yaml_string(
    evaluation: Evaluation,
    value: Any,
    indent: Any = None,
    allow_unicode: Any = True,  # noqa: FBT002 - the parameters of StackStorm's function
) -> str:
    data = settle(value, evaluation.fuel)
    _pay_for_writing(evaluation.fuel, data, indent)
    evaluation.fuel.burn(weigh(data) // YAML_CHARACTERS_A_STEP)
    text: str = yaml.safe_dump(thaw(data), default_flow_style=False, indent=indent, allow_unicode=bool(allow_unicode))
    evaluation.fuel.make_text(len(text))
    return text


def json_escape(evaluation: Evaluation, value: Any) -> str:
    return to_complex(evaluation, value).strip('"')


def to_complex(evaluation: Evaluation, value: Any) -> str:
    data = settle(value, evaluation.fuel)
    evaluation.fuel.make_text(weigh(data))
    text = json.dumps(data)
    evaluation.fuel.make_text(len(text))
    return text


@lru_cache(maxsize=128)
def _json_path(query: str) -> Any:
    try:
        from jsonpath_ng.parser import parse  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ValueError(f"jsonpath_query() needs the package jsonpath-ng: {EXTRA}") from None
    if len(query) > 500:
        raise ValueError("jsonpath_query() takes a query of at most 500 characters")
    try:
        return parse(query)
    except Exception as error:  # noqa: BLE001 - the library's lexer and parser raise plain exceptions
        raise ValueError(f"jsonpath_query() cannot read {query!r}: {error}") from None


def jsonpath_query(evaluation: Evaluation, value: Any, query: Any) -> Any:
    text = _string("jsonpath_query", query)
    data = settle(value, evaluation.fuel)
    # Each `..` visits all that is below each value that the path before it found.
    evaluation.fuel.burn(_members(data) ** (1 + min(text.count(".."), 5)))
    evaluation.fuel.burn(_members(data) * (1 + text.count("*")))
    return [match.value for match in _json_path(text).find(data)] or None


def _regular(fuel: Fuel, pattern: Any, ignorecase: Any) -> Pattern:
    return pattern_of(text_of(pattern, fuel), "i" if ignorecase else "")


def regex_match(evaluation: Evaluation, value: Any, pattern: Any, ignorecase: Any = False) -> bool:  # noqa: FBT002
    return _regular(evaluation.fuel, pattern, ignorecase).begins(text_of(value, evaluation.fuel))


def regex_search(evaluation: Evaluation, value: Any, pattern: Any, ignorecase: Any = False) -> bool:  # noqa: FBT002
    return _regular(evaluation.fuel, pattern, ignorecase).is_in(text_of(value, evaluation.fuel))


def regex_replace(
    evaluation: Evaluation,
    value: Any,
    pattern: Any,
    replacement: Any,
    ignorecase: Any = False,  # noqa: FBT002
) -> str:
    text = text_of(value, evaluation.fuel)
    compiled = _regular(evaluation.fuel, pattern, ignorecase)
    return compiled.replaced(evaluation.fuel, text, _string("regex_replace", replacement))


def regex_substring(
    evaluation: Evaluation,
    value: Any,
    pattern: Any,
    result_index: int = 0,
    ignorecase: Any = False,  # noqa: FBT002
) -> Any:
    found = _regular(evaluation.fuel, pattern, ignorecase).all_of(evaluation.fuel, text_of(value, evaluation.fuel))
    if not -len(found) <= result_index < len(found):
        raise ValueError(f"regex_substring() found {len(found)} matches, so there is no number {result_index}")
    return found[result_index]


def to_human_time_from_seconds(_evaluation: Evaluation, seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        raise TypeError(f"to_human_time_from_seconds() takes a number, not a value of type {type_name(seconds)}")
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds}\u03bcs"
    whole = round(seconds)
    since = dt.datetime(1, 1, 1) + dt.timedelta(seconds=whole)  # noqa: DTZ001 - a span, no point in time
    parts = [(since.year - 1, "y"), (since.day - 1, "d"), (since.hour, "h"), (since.minute, "m"), (since.second, "s")]
    first = next((index for index, (amount, _unit) in enumerate(parts) if amount), len(parts) - 1)
    return "".join(f"{amount}{unit}" for amount, unit in parts[first:])


def _version(name: str, value: Any) -> Any:
    try:
        from semver import Version  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError(f"{name}() needs the package semver: {EXTRA}") from None
    text = _string(name, value)
    if len(text) > 200:
        raise ValueError(f"{name}() takes a version of at most 200 characters")
    return Version.parse(text)


def version_compare(_evaluation: Evaluation, value: Any, pattern: Any) -> int:
    return int(_version("version_compare", value).compare(_version("version_compare", pattern)))


def version_more_than(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return version_compare(evaluation, value, pattern) == 1


def version_less_than(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return version_compare(evaluation, value, pattern) == -1


def version_equal(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return version_compare(evaluation, value, pattern) == 0


def version_match(_evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return bool(_version("version_match", value).match(_string("version_match", pattern)[:200]))


def version_bump_major(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_major", value).bump_major())


def version_bump_minor(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_minor", value).bump_minor())


def version_bump_patch(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_patch", value).bump_patch())


def version_strip_patch(_evaluation: Evaluation, value: Any) -> str:
    version = _version("version_strip_patch", value)
    return f"{version.major}.{version.minor}"


def use_none(_evaluation: Evaluation, value: Any) -> Any:
    return NO_VALUE if value is None else value


def basename(_evaluation: Evaluation, path: Any) -> str:
    return posixpath.basename(_string("basename", path))


def dirname(_evaluation: Evaluation, path: Any) -> str:
    return posixpath.dirname(_string("dirname", path))


def _beyond(name: str, instead: str) -> Callable[..., Any]:
    def refused(_evaluation: Evaluation, *_arguments: Any, **_options: Any) -> Any:
        raise ValueError(f"{name}() asks StackStorm, which is not here; {instead}")

    return refused


_KEYSTORE = "give the value as an input of the workflow, from the keystore of the caller"
BEYOND = {
    "st2kv": _KEYSTORE,
    "decrypt_kv": _KEYSTORE,
    "task": "publish what you need of the task's result, and read it with ctx()",
}
"""Functions that need StackStorm, and what to use instead."""
_REPLAY = "have an action give the value: a run must go the same way again when it is replayed"
NOT_HERE = {
    **BEYOND,
    "lipsum": _REPLAY,
    "localtz": "write utctz(): a run must go the same way again on another machine",
    "random": _REPLAY,
}
"""Functions whose call always fails here, and what to use instead."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "basename": basename,
    "dirname": dirname,
    "from_json_string": from_json_string,
    "from_yaml_string": from_yaml_string,
    "json_dump": to_json_string,
    "json_escape": json_escape,
    "json_parse": from_json_string,
    "jsonpath_query": jsonpath_query,
    "regex_match": regex_match,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "regex_substring": regex_substring,
    "to_complex": to_complex,
    "to_human_time_from_seconds": to_human_time_from_seconds,
    "to_json_string": to_json_string,
    "to_yaml_string": to_yaml_string,
    "use_none": use_none,
    "version_bump_major": version_bump_major,
    "version_bump_minor": version_bump_minor,
    "version_bump_patch": version_bump_patch,
    "version_compare": version_compare,
    "version_equal": version_equal,
    "version_less_than": version_less_than,
    "version_match": version_match,
    "version_more_than": version_more_than,
    "version_strip_patch": version_strip_patch,
    "yaml_dump": to_yaml_string,
    "yaml_parse": from_yaml_string,
    **{name: _beyond(name, instead) for name, instead in BEYOND.items()},
}
