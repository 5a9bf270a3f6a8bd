"""The JSON Schema of the native dialect for editors, built from the names of the reader and the model.

A test compares its fields with those of the reader.
"""

from collections.abc import Iterable
from typing import Any, get_args

from stretto.definitions.dialects import (
    ACTION,
    ANNOTATIONS,
    BOUNDS,
    FIELD,
    IGNORED_FIELDS,
    KEPT_FIELDS,
    MAX_KEY_LIMIT,
    MAX_RATE_LIMIT,
    MAX_RATE_SECONDS,
    NAME,
    ON_BAD_LINE,
    RESULTS,
    SOURCES,
    TASK_KINDS,
)
from stretto.definitions.model import Backoff, CancellationPolicy, DeadlinePolicy, Delivery, OnBadLine, ParameterType

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_ANY: Schema = {}
_FLAG: Schema = {"type": "boolean"}
_EXPRESSION: Schema = {"type": "string", "pattern": r"\{\{"}
_CONDITION: Schema = {"type": ["string", "boolean", "null"], "description": "an expression, with or without braces"}


def json_schema() -> Schema:
    """Return the schema (draft 2020-12) as plain data."""
    workflow = _object(_workflow_fields(), required=["tasks"], ignored=True)
    workflow["patternProperties"]["^name$"] = {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stretto workflow",
        **workflow,
        "$defs": {
            "name": {"type": "string", "pattern": _pattern(NAME.pattern)},
            "parameter": _object(_parameter_fields()),
            "assignments": _assignments({"type": "object", "propertyNames": {"$ref": "#/$defs/name"}}),
            "published": _assignments(
                {"type": "object", "propertyNames": {"$ref": "#/$defs/name"}}, {"$ref": "#/$defs/name"}
            ),
            "tasks": _tasks(),
            "task": _task(),
            "deadline": _object(_deadline_fields(), required=["seconds"]),
            "pool": {"anyOf": [{"type": "string", "minLength": 1}, _object(_pool_fields(), required=["pool"])]},
            "event_wait": _object(_event_wait_fields(), required=["event"]),
            "inquiry_wait": _object({"inquiry": _or_expression(_number(1, kind="integer"))}, required=["inquiry"]),
            "rate": _object(_rate_fields(), required=["key", "limit", "per"]),
            "retry": _object(_retry_fields(), required=["count"]),
            "transition": _object(_transition_fields()),
            "targets": _one_or_many(_TEXT),
            "followers": _one_or_many({"anyOf": [_TEXT, {"$ref": "#/$defs/follower"}]}),
            "follower": _object(_follower_fields()),
            "branch": _object(_branch_fields()),
        },
    }


def _pattern(pattern: str) -> str:
    """Convert a Python pattern to JSON Schema."""
    return f"^{pattern.removesuffix(chr(92) + 'Z')}$"


def _object(fields: Schema, required: list[str] | None = None, *, ignored: bool = False) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {name: _or_null(field) for name, field in fields.items()},
        "additionalProperties": False,
    }
    if ignored:
        schema["patternProperties"] = {f"^({IGNORED_FIELDS.pattern})": {}}
    if required:
        schema["required"] = required
        # A required field must not be null. For the others, null means that they are missing.
        schema["properties"] |= {name: fields[name] for name in required}
    return schema


def _or_null(field: Schema) -> Schema:
    return field if not field else {"anyOf": [field, {"type": "null"}]}


def _one_or_many(member: Schema) -> Schema:
    return {"anyOf": [_TEXT, {"type": "array", "items": member}]}


def _assignments(entry: Schema, *others: Schema) -> Schema:
    return {"anyOf": [entry, {"type": "array", "items": {"anyOf": [entry, *others]}}]}


def _number(least: float = 0, *, kind: str = "number", above: bool = False) -> Schema:
    return {"type": kind, "exclusiveMinimum" if above else "minimum": least}


def _or_expression(schema: Schema) -> Schema:
    return {"anyOf": [schema, _EXPRESSION]}


def _workflow_fields() -> Schema:
    return {
        "ref": _TEXT,
        "label": _TEXT,
        "description": _TEXT,
        "version": _TEXT,
        "parameters": {
            "type": "object",
            "propertyNames": {"$ref": "#/$defs/name"},
            "additionalProperties": {"$ref": "#/$defs/parameter"},
        },
        "vars": {"$ref": "#/$defs/assignments"},
        "runs_on": {"$ref": "#/$defs/pool"},
        "tags": {"type": "array", "items": _TEXT},
        "tasks": {"$ref": "#/$defs/tasks"},
        "output_map": {"type": "object"},
        "timeout": _number(above=True),
        **_deadlines(),
        "on_cancel": _TEXT,
        "cancellation_policy": {"enum": list(get_args(CancellationPolicy))},
        "fail_fast": _FLAG,
        **dict.fromkeys(sorted(KEPT_FIELDS - {"description"}), _ANY),
    }


def _pool_fields() -> Schema:
    return {
        "pool": {"type": "string", "minLength": 1},
        "cpus": _number(),
        "gpus": _number(),
        "memory": {
            "anyOf": [_number(kind="integer"), {"type": "string", "pattern": r"^\d+(\.\d+)?(Ki|Mi|Gi|Ti)$"}],
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    }


def _parameter_fields() -> Schema:
    parameter = {"$ref": "#/$defs/parameter"}
    return {
        "type": {"enum": [kind for kind in get_args(ParameterType) if kind != "any"]},
        "required": {"anyOf": [_FLAG, {"type": "array", "items": _TEXT}]},
        "secret": _FLAG,
        "description": _TEXT,
        "enum": {"type": "array"},
        **{spelling: {"type": "number"} for spellings in BOUNDS.values() for spelling in spellings},
        "pattern": {"type": "string", "format": "regex"},
        "items": parameter,
        "properties": {"type": "object", "additionalProperties": parameter},
        "additionalProperties": {"anyOf": [_FLAG, parameter]},
        "default": _ANY,
        **dict.fromkeys(ANNOTATIONS, _ANY),
    }


def _tasks() -> Schema:
    task = {"$ref": "#/$defs/task"}
    return {
        "anyOf": [
            {"type": "array", "items": {"allOf": [task, {"required": ["name"]}]}, "minItems": 1},
            {"type": "object", "propertyNames": {"$ref": "#/$defs/name"}, "additionalProperties": task,
             "minProperties": 1},
        ]
    }  # fmt: skip


def _task() -> Schema:
    fields = _task_fields()
    parallel = {
        "if": {"properties": {"type": {"const": "parallel"}}, "required": ["type"]},
        "then": {"required": ["tasks"], "properties": dict.fromkeys(_OF_A_PLAIN_TASK, False)},
        "else": {
            "properties": {"tasks": False},
            "if": {"properties": {"wait_for": {"type": "object", "required": ["event"]}}, "required": ["wait_for"]},
            "then": {"properties": {"action": False, "input": False}},
            "else": {"required": ["action"]},
        },
    }
    inquiry = {"type": "object", "required": ["inquiry"]}
    given: Schema = {"not": {"type": "null"}}
    both = {"properties": {"with_items": given, "wait_for": inquiry}, "required": ["with_items", "wait_for"]}
    return {**_object(fields, ignored=True), **parallel, "not": both}


_OF_A_PLAIN_TASK = (
    "action", "input", "with_items", "concurrency", "batch_size", "max_failures", "results", "timeout", "retry",
    "when", "delivery", "runs_on", "concurrency_key", "limit", "rate", "wait_for", "deadline", "warn_after",
)  # fmt: skip


def _task_fields() -> Schema:
    return {
        "name": {"$ref": "#/$defs/name"},
        "type": {"enum": list(TASK_KINDS)},
        "tasks": {"$ref": "#/$defs/tasks"},
        "action": {"type": "string", "pattern": _pattern(ACTION.pattern)},
        "input": {"type": "object"},
        "wait_for": {"anyOf": [{"$ref": "#/$defs/event_wait"}, {"$ref": "#/$defs/inquiry_wait"}]},
        "with_items": {"anyOf": [{"type": "array"}, _EXPRESSION, _one_file(SOURCES), _lenient_lines()]},
        "results": _one_file(RESULTS),
        "concurrency": _or_expression(_number(1, kind="integer")),
        "batch_size": _number(1, kind="integer"),
        "max_failures": {
            "anyOf": [_number(kind="integer"), {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}],
        },
        "timeout": _or_expression(_number(above=True)),
        **_deadlines(),
        "delay": _or_expression(_number()),
        "retry": {"$ref": "#/$defs/retry"},
        "when": _CONDITION,
        "delivery": {"enum": list(get_args(Delivery))},
        "runs_on": {"$ref": "#/$defs/pool"},
        "concurrency_key": {"type": "string", "minLength": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_KEY_LIMIT},
        "rate": {"$ref": "#/$defs/rate"},
        "join": {"anyOf": [{"const": "all"}, _number(1, kind="integer")]},
        "next": {"type": "array", "items": {"$ref": "#/$defs/transition"}},
        "on_success": {"$ref": "#/$defs/followers"},
        "on_failure": {"$ref": "#/$defs/followers"},
        "on_timeout": {"$ref": "#/$defs/followers"},
        "on_complete": {"$ref": "#/$defs/followers"},
        "decision": {"type": "array", "items": {"$ref": "#/$defs/branch"}},
        "publish": {"$ref": "#/$defs/published"},
        **dict.fromkeys(sorted(KEPT_FIELDS), _ANY),
    }


def _lenient_lines() -> Schema:
    path = {"type": "string", "minLength": 1}
    return {**_object({"jsonl": path, ON_BAD_LINE: {"enum": list(get_args(OnBadLine))}}), "required": ["jsonl"]}


def _one_file(kinds: Iterable[str]) -> Schema:
    path = {"type": "string", "minLength": 1}
    return {**_object(dict.fromkeys(kinds, path)), "minProperties": 1, "maxProperties": 1}


def _deadlines() -> Schema:
    return {
        "deadline": {"anyOf": [_number(above=True), {"$ref": "#/$defs/deadline"}]},
        "warn_after": _number(above=True),
    }


def _deadline_fields() -> Schema:
    return {"seconds": _number(above=True), "policy": {"enum": list(get_args(DeadlinePolicy))}}


def _event_wait_fields() -> Schema:
    return {
        "event": {"type": "string", "minLength": 1},
        "match": {"type": "object", "propertyNames": {"pattern": _pattern(FIELD.pattern)}},
        "where": _CONDITION,
        "timeout": _or_expression(_number(above=True)),
    }


def _rate_fields() -> Schema:
    whole = {"type": "integer", "minimum": 1, "maximum": MAX_RATE_LIMIT}
    return {
        "key": {"type": "string", "minLength": 1},
        "limit": whole,
        "per": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE_SECONDS},
        "burst": whole,
    }


def _retry_fields() -> Schema:
    return {
        "count": _or_expression(_number(kind="integer")),
        "delay": _or_expression(_number()),
        "max_delay": _or_expression(_number()),
        "backoff": {"enum": list(get_args(Backoff))},
        "on_error": _CONDITION,
    }


def _transition_fields() -> Schema:
    return {
        "when": _CONDITION,
        "publish": {"$ref": "#/$defs/published"},
        "do": {"$ref": "#/$defs/targets"},
        "__chart_meta__": _ANY,
    }


def _follower_fields() -> Schema:
    return {"when": _CONDITION, "do": {"$ref": "#/$defs/followers"}, "next": {"$ref": "#/$defs/followers"}}


def _branch_fields() -> Schema:
    targets = {"$ref": "#/$defs/targets"}
    return {"when": _CONDITION, "do": targets, "next": targets, "default": {"type": ["boolean", "string"]}}
