"""Expressions: Jinja2 in a stricter sandbox, compiled once and evaluated many times.

    text of a definition --syntax.parse--> checked tree --templates.compile_text--> Template
    Template.evaluate(scope, moment) --> frozen data, or ExpressionError
        computed: Jinja's code in the sandbox    plain (plain_values): Python's (compiled), with Jinja's as fallback

An expression reads names from a `Scope` one by one. Nothing is copied, so it costs only the values that it reads.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.expressions.arguments import type_name
    from stretto.definitions.expressions.base.guarding import Guarded, GuardedNamespace, GuardedValue
    from stretto.definitions.expressions.base.limits import (
        DEFAULT_LIMITS,
        LEAST_MAX_BYTES,
        LEAST_MAX_COST,
        MOST,
        UNRECORDED_LIMITS,
        ExpressionLimits,
    )
    from stretto.definitions.expressions.base.moment import Moment
    from stretto.definitions.expressions.base.namespaces import (
        ABSENT,
        Completion,
        InFull,
        Namespace,
        Read,
        Readable,
        Scope,
        TaskNamespace,
    )
    from stretto.definitions.expressions.base.running import RUNNING, evaluation_of, this_thread
    from stretto.definitions.expressions.both_forms import EACH_PREFIX
    from stretto.definitions.expressions.compiled import NOT_QUICK, NotQuick, Quick
    from stretto.definitions.expressions.conditions import AllOf, NoneOf
    from stretto.definitions.expressions.containers import ListTemplate, ObjectTemplate
    from stretto.definitions.expressions.failures import stop_reason, stopped_error
    from stretto.definitions.expressions.requirements import RequiredText, required_text
    from stretto.definitions.expressions.sandbox import TextSandbox
    from stretto.definitions.expressions.scope import RESERVED_FUNCTIONS
    from stretto.definitions.expressions.stackstorm_filters import STACKSTORM_FILTERS
    from stretto.definitions.expressions.syntax import Malformed, Site, parse
    from stretto.definitions.expressions.templates import (
        Constant,
        Expression,
        Source,
        Statements,
        Template,
        Text,
        compile_condition,
        compile_text,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "base.guarding": "Guarded GuardedNamespace GuardedValue",
            "base.limits": "DEFAULT_LIMITS LEAST_MAX_BYTES LEAST_MAX_COST MOST UNRECORDED_LIMITS ExpressionLimits",
            "base.moment": "Moment",
            "base.namespaces": "ABSENT Completion InFull Namespace Read Readable Scope TaskNamespace",
            "base.running": "RUNNING evaluation_of this_thread",
            "both_forms": "EACH_PREFIX",
            "containers": "ListTemplate ObjectTemplate",
            "compiled": "NOT_QUICK NotQuick Quick",
            "conditions": "AllOf NoneOf",
            "arguments": "type_name",
            "failures": "stop_reason stopped_error",
            "sandbox": "TextSandbox",
            "scope": "RESERVED_FUNCTIONS",
            "stackstorm_filters": "STACKSTORM_FILTERS",
            "syntax": "Malformed Site parse",
            "requirements": "RequiredText required_text",
            "templates": ("Constant Expression Source Statements Template Text compile_condition compile_text"),
        },
    )

__all__ = [
    "ABSENT",
    "DEFAULT_LIMITS",
    "EACH_PREFIX",
    "LEAST_MAX_BYTES",
    "LEAST_MAX_COST",
    "MOST",
    "NOT_QUICK",
    "RESERVED_FUNCTIONS",
    "RUNNING",
    "STACKSTORM_FILTERS",
    "UNRECORDED_LIMITS",
    "AllOf",
    "Completion",
    "Constant",
    "Expression",
    "ExpressionLimits",
    "Guarded",
    "GuardedNamespace",
    "GuardedValue",
    "InFull",
    "ListTemplate",
    "Malformed",
    "Moment",
    "Namespace",
    "NoneOf",
    "NotQuick",
    "ObjectTemplate",
    "Quick",
    "Read",
    "Readable",
    "RequiredText",
    "Scope",
    "Site",
    "Source",
    "Statements",
    "TaskNamespace",
    "Template",
    "Text",
    "TextSandbox",
    "compile_condition",
    "compile_text",
    "evaluation_of",
    "parse",
    "required_text",
    "stop_reason",
    "stopped_error",
    "this_thread",
    "type_name",
]
