"""Expressions of Orquesta definitions: YAQL in `<% %>` and Jinja in `{{ }}` and `{% %}`, with Orquesta's semantics.

    text --delimiting--> cuts --yaql_engine, jinja_programs--> programs --rendering, templates--> Template

Both languages share their functions (`functions`, `stackstorm`), the `Scope` that they read from, and the fuel that
bounds them. The package `yaql` is imported only when the first YAQL expression is compiled.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.expressions.orquesta.delimiting import Language, cuts_of, languages_of
    from stretto.definitions.expressions.orquesta.evaluation import Evaluation
    from stretto.definitions.expressions.orquesta.rendering import function_names
    from stretto.definitions.expressions.orquesta.stackstorm import NOT_HERE, stackstorm_function
    from stretto.definitions.expressions.orquesta.templates import (
        Expression,
        Given,
        KeyedTemplate,
        Statements,
        Text,
        compile_text,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "delimiting": "cuts_of languages_of Language",
            "evaluation": "Evaluation",
            "rendering": "function_names",
            "stackstorm": "NOT_HERE stackstorm_function",
            "templates": "Expression Given KeyedTemplate Statements Text compile_text",
        },
    )

__all__ = [
    "NOT_HERE",
    "Evaluation",
    "Expression",
    "Given",
    "KeyedTemplate",
    "Language",
    "Statements",
    "Text",
    "compile_text",
    "cuts_of",
    "function_names",
    "languages_of",
    "stackstorm_function",
]
