"""Expressions: Jinja2 in a sandbox of our own, compiled once and evaluated many times.

    text of a definition --syntax.parse--> checked tree --templates.compile_text--> Template
    Template.evaluate(scope, moment) --> frozen data, or ExpressionError
        computed: Jinja's code, in the sandbox    plain (plain_values): Python's (compiled), Jinja's where it gives up

What an expression reads it reads from a `Scope`, name by name: nothing is copied for it, so it costs what it reads.
"""

from stretto.definitions.expressions.conditions import AllOf, NoneOf
from stretto.definitions.expressions.moment import Moment
from stretto.definitions.expressions.namespaces import (
    ABSENT,
    Completion,
    InFull,
    Namespace,
    Read,
    Readable,
    Scope,
    TaskNamespace,
)
from stretto.definitions.expressions.syntax import Site
from stretto.definitions.expressions.templates import (
    Constant,
    Expression,
    ListTemplate,
    ObjectTemplate,
    Source,
    Statements,
    Template,
    Text,
    compile_condition,
    compile_text,
)

__all__ = [
    "ABSENT",
    "AllOf",
    "Completion",
    "Constant",
    "Expression",
    "InFull",
    "ListTemplate",
    "Moment",
    "Namespace",
    "NoneOf",
    "ObjectTemplate",
    "Read",
    "Readable",
    "Scope",
    "Site",
    "Source",
    "Statements",
    "TaskNamespace",
    "Template",
    "Text",
    "compile_condition",
    "compile_text",
]
