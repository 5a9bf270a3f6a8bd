"""StackStorm's functions that work without StackStorm, shared by YAQL and Jinja, where they are also filters.

They behave as in `st2common/expressions/functions` of StackStorm 3.9. Each takes the evaluation first. Invalid
arguments raise TypeError or ValueError with a message for the author of the definition.
"""

import datetime as dt
import json
import posixpath
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import yaml

from stretto.definitions.data import FrozenDict, FrozenList, thaw, weigh
from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.bounds import SPLIT, Fuel
from stretto.definitions.expressions.base.namespaces import ABSENT
from stretto.definitions.expressions.base.parsing import parse_json
from stretto.definitions.expressions.base.values import settle
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.regular import Pattern, pattern_of
from stretto.definitions.expressions.orquesta.texts import pay_for_escapes, text_of

MAX_INDENT = 32
MAX_ALIASES = 20
"""Maximum number of aliases in a YAML text. Each can stand for everything before it, and merge keys copy it."""
YAML_READING_UNITS = 50
YAML_WRITING_UNITS = 20
"""Parsing and writing YAML takes microseconds for each character."""
JSONPATH_UNITS = 20
NO_VALUE = "%*****__%NONE%__*****%"
"""The text that StackStorm reads as null in a parameter of an action."""


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}() takes text, got a value of type {type_name(value)}")
    return value


def _members(data: Any) -> int:
    """Return the number of values in data, including containers."""
    pending, count = [data], 0
    while pending:
        value = pending.pop()
        count += 1
        if isinstance(value, FrozenDict):
            pending += value.values()
        elif isinstance(value, FrozenList):
            pending += value
    return count


def _from_json_string(evaluation: Evaluation, value: Any) -> Any:
    text = text_of(value, evaluation.fuel)
    return parse_json(evaluation.fuel, text)


def _pay_for_writing(fuel: Fuel, data: Any, indent: Any) -> None:
    step = len(indent) if isinstance(indent, str) else 0 if indent is None else indent
    if type(step) is not int or not 0 <= step <= MAX_INDENT:
        raise ValueError(f"an indent must be a number from 0 to {MAX_INDENT}")
    fuel.burn(weigh(data) // (3 if indent is None else 2))
    if isinstance(data, FrozenDict | FrozenList):
        fuel.make(_members(data) * step * data.depth)
    pay_for_escapes(fuel, data)


def to_json_string(
    evaluation: Evaluation,
    value: Any,
    indent: Any = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002 - the parameters of StackStorm's function
    separators: Any = (",", ": "),
) -> str:
    """Return the JSON text of a value."""
    data = settle(value, evaluation.fuel)
    _pay_for_writing(evaluation.fuel, data, indent)
    item, key = (",", ": ") if separators is None else (_string("to_json_string", each) for each in separators)
    if len(item) + len(key) > MAX_INDENT:
        raise ValueError(f"separators must have at most {MAX_INDENT} characters")
    text = json.dumps(data, indent=indent, sort_keys=sort_keys, separators=(item, key))
    evaluation.fuel.make_text(len(text), text)
    return text


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without dates, which are not JSON-like and stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _from_yaml_string(evaluation: Evaluation, value: Any) -> Any:
    text = text_of(value, evaluation.fuel)
    evaluation.fuel.burn(YAML_READING_UNITS * len(text))
    evaluation.fuel.make(16 * len(text))
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
        if aliases > MAX_ALIASES:
            raise ValueError(f"from_yaml_string() takes text with at most {MAX_ALIASES} aliases")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"from_yaml_string() cannot parse the text: {' '.join(str(error).split())}") from None


def _to_yaml_string(
    evaluation: Evaluation,
    value: Any,
    indent: Any = None,
    allow_unicode: Any = True,  # noqa: FBT002 - the parameters of StackStorm's function
) -> str:
    data = settle(value, evaluation.fuel)
    _pay_for_writing(evaluation.fuel, data, indent)
    evaluation.fuel.burn(YAML_WRITING_UNITS * weigh(data))
    evaluation.fuel.make(16 * weigh(data))
    text: str = yaml.safe_dump(thaw(data), default_flow_style=False, indent=indent, allow_unicode=bool(allow_unicode))
    evaluation.fuel.make_text(len(text), text)
    return text


def _json_escape(evaluation: Evaluation, value: Any) -> str:
    return _to_complex(evaluation, value).strip('"')


def _to_complex(evaluation: Evaluation, value: Any) -> str:
    data = settle(value, evaluation.fuel)
    evaluation.fuel.burn(weigh(data) // 4)
    pay_for_escapes(evaluation.fuel, data)
    text = json.dumps(data)
    evaluation.fuel.make_text(len(text), text)
    return text


@lru_cache(maxsize=128)
def _json_path(query: str) -> Any:
    from jsonpath_ng.parser import parse  # noqa: PLC0415 - slow to import

    if len(query) > 500:
        raise ValueError("jsonpath_query() takes a query of at most 500 characters")
    try:
        return parse(query)
    except Exception as error:  # noqa: BLE001 - the library's lexer and parser raise plain exceptions
        raise ValueError(f"jsonpath_query() cannot parse {query!r}: {error}") from None


def _jsonpath_query(evaluation: Evaluation, value: Any, query: Any) -> Any:
    text = _string("jsonpath_query", query)
    data = settle(value, evaluation.fuel)
    evaluation.fuel.burn(weigh(data) // 4)
    # Each `..` visits everything below each value that the path before it found.
    evaluation.fuel.burn(_members(data) ** (1 + min(text.count(".."), 5)))
    evaluation.fuel.burn(JSONPATH_UNITS * _members(data) * (1 + text.count("*")))
    return [match.value for match in _json_path(text).find(data)] or None


def _regular(fuel: Fuel, pattern: Any, ignorecase: Any) -> Pattern:
    return pattern_of(fuel, text_of(pattern, fuel), "i" if ignorecase else "")


def _regex_match(evaluation: Evaluation, value: Any, pattern: Any, ignorecase: Any = False) -> bool:  # noqa: FBT002
    return _regular(evaluation.fuel, pattern, ignorecase).begins(evaluation.fuel, text_of(value, evaluation.fuel))


def _regex_search(evaluation: Evaluation, value: Any, pattern: Any, ignorecase: Any = False) -> bool:  # noqa: FBT002
    return _regular(evaluation.fuel, pattern, ignorecase).is_in(evaluation.fuel, text_of(value, evaluation.fuel))


def _regex_replace(
    evaluation: Evaluation,
    value: Any,
    pattern: Any,
    replacement: Any,
    ignorecase: Any = False,  # noqa: FBT002
) -> str:
    text = text_of(value, evaluation.fuel)
    compiled = _regular(evaluation.fuel, pattern, ignorecase)
    return compiled.replaced(evaluation.fuel, text, _string("regex_replace", replacement))


def _regex_substring(
    evaluation: Evaluation,
    value: Any,
    pattern: Any,
    result_index: int = 0,
    ignorecase: Any = False,  # noqa: FBT002
) -> Any:
    found = _regular(evaluation.fuel, pattern, ignorecase).all_of(evaluation.fuel, text_of(value, evaluation.fuel))
    if not -len(found) <= result_index < len(found):
        raise ValueError(f"regex_substring() found {len(found)} matches, so there is no match {result_index}")
    return found[result_index]


def _to_human_time_from_seconds(_evaluation: Evaluation, seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        raise TypeError(f"to_human_time_from_seconds() takes a number, got a value of type {type_name(seconds)}")
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds}\u03bcs"
    whole = round(seconds)
    since = dt.datetime(1, 1, 1) + dt.timedelta(seconds=whole)  # noqa: DTZ001 - a duration, not a point in time
    parts = [(since.year - 1, "y"), (since.day - 1, "d"), (since.hour, "h"), (since.minute, "m"), (since.second, "s")]
    first = next((index for index, (amount, _unit) in enumerate(parts) if amount), len(parts) - 1)
    return "".join(f"{amount}{unit}" for amount, unit in parts[first:])


def _version(name: str, value: Any) -> Any:
    from semver import Version  # noqa: PLC0415 - slow to import

    text = _string(name, value)
    if len(text) > 200:
        raise ValueError(f"{name}() takes a version of at most 200 characters")
    return Version.parse(text)


def _version_compare(_evaluation: Evaluation, value: Any, pattern: Any) -> int:
    return int(_version("version_compare", value).compare(_version("version_compare", pattern)))


def _version_more_than(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return _version_compare(evaluation, value, pattern) == 1


def _version_less_than(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return _version_compare(evaluation, value, pattern) == -1


def _version_equal(evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return _version_compare(evaluation, value, pattern) == 0


def _version_match(_evaluation: Evaluation, value: Any, pattern: Any) -> bool:
    return bool(_version("version_match", value).match(_string("version_match", pattern)[:200]))


def _version_bump_major(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_major", value).bump_major())


def _version_bump_minor(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_minor", value).bump_minor())


def _version_bump_patch(_evaluation: Evaluation, value: Any) -> str:
    return str(_version("version_bump_patch", value).bump_patch())


def _version_strip_patch(_evaluation: Evaluation, value: Any) -> str:
    version = _version("version_strip_patch", value)
    return f"{version.major}.{version.minor}"


def _use_none(_evaluation: Evaluation, value: Any) -> Any:
    return NO_VALUE if value is None else value


def _path(evaluation: Evaluation, name: str, path: Any) -> str:
    text = _string(name, path)
    evaluation.fuel.burn(len(text) // SPLIT)
    evaluation.fuel.make_text(len(text), text)
    return text


def _basename(evaluation: Evaluation, path: Any) -> str:
    return posixpath.basename(_path(evaluation, "basename", path))


def _dirname(evaluation: Evaluation, path: Any) -> str:
    return posixpath.dirname(_path(evaluation, "dirname", path))


_OF_USERS = "user."
_SCOPES = ("system.", _OF_USERS, "pack.")
_FACTS = "st2"
"""The variable that has the user who started the run."""


def _st2kv(evaluation: Evaluation, key: Any, **options: Any) -> Any:
    place = _string("st2kv", key)
    unknown = sorted(options.keys() - {"default", "decrypt"})
    if unknown:
        raise TypeError(f"st2kv() takes the options default and decrypt, got {unknown[0]!r}")
    decrypt = options.get("decrypt", False)
    if not isinstance(decrypt, bool):
        raise TypeError(f"st2kv() takes true or false as decrypt, got a value of type {type_name(decrypt)}")
    found = read_key(evaluation, place, decrypt=decrypt)
    if found is not ABSENT:
        return found
    if "default" in options:
        return options["default"]
    raise ValueError(no_key(place))


def read_key(evaluation: Evaluation, name: str, *, decrypt: bool) -> Any:
    """Return the value of a key, or `ABSENT`.

    Args:
        evaluation: The evaluation that reads it.
        name: The name, after its scope and owner, if any, with dots. A user's key may lack its owner: it is the user
            who started the run. A key without scope is one of the scope `system`, or else of that user.
        decrypt: Whether a secret key may be read.

    Raises:
        ValueError: The key is secret, and `decrypt` is false.
    """
    keys = evaluation.keys()
    for place in _places(evaluation, name):
        found = keys.find(place)
        if found is not None:
            if found.secret and not decrypt:
                raise ValueError(f"the key {place!r} is secret: pass decrypt=true to read it")
            return keys.value_of(found)
    return ABSENT


def _places(evaluation: Evaluation, name: str) -> Iterator[str]:
    """Yield where a key may be."""
    scoped = name.startswith(_SCOPES)
    yield name if scoped else f"system.{name}"
    if name.startswith(_OF_USERS) or not scoped:
        facts = evaluation.variables().read(_FACTS)
        user = facts.get("user") if isinstance(facts, FrozenDict) else None
        if user and isinstance(user, str):
            yield f"{_OF_USERS}{user}.{name.removeprefix(_OF_USERS)}"


def no_key(name: str) -> str:
    """Return the message that there is no such key."""
    hint = ", also not of the user who started the run: name one as in user.NAME.KEY"
    place = name if name.startswith(_SCOPES) else f"system.{name}"
    return f"there is no key {place!r}{hint if name.startswith(_OF_USERS) else ''}"


def _decrypt_kv(_evaluation: Evaluation, value: Any) -> Any:
    """Return a value: what `st2kv` has returned is in clear."""
    return value


NOT_HERE = {
    "lipsum": "write the text, because a replay of the run must give the same values",
    "localtz": "use utctz(), because a replay on another machine must give the same values",
}
"""Functions whose call always fails in Stretto, with their replacements."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "basename": _basename,
    "decrypt_kv": _decrypt_kv,
    "dirname": _dirname,
    "from_json_string": _from_json_string,
    "from_yaml_string": _from_yaml_string,
    "json_dump": to_json_string,
    "json_escape": _json_escape,
    "json_parse": _from_json_string,
    "jsonpath_query": _jsonpath_query,
    "regex_match": _regex_match,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "regex_substring": _regex_substring,
    "st2kv": _st2kv,
    "to_complex": _to_complex,
    "to_human_time_from_seconds": _to_human_time_from_seconds,
    "to_json_string": to_json_string,
    "to_yaml_string": _to_yaml_string,
    "use_none": _use_none,
    "version_bump_major": _version_bump_major,
    "version_bump_minor": _version_bump_minor,
    "version_bump_patch": _version_bump_patch,
    "version_compare": _version_compare,
    "version_equal": _version_equal,
    "version_less_than": _version_less_than,
    "version_match": _version_match,
    "version_more_than": _version_more_than,
    "version_strip_patch": _version_strip_patch,
    "yaml_dump": _to_yaml_string,
    "yaml_parse": _from_yaml_string,
}


def stackstorm_function(name: str) -> Callable[..., Any]:
    """Return a function by its name."""
    return FUNCTIONS[name]
