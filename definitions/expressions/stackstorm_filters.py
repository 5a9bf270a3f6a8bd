"""StackStorm's filters in defaults of its metadata, which are in Jinja with bare names, as native expressions are.

They are those of Orquesta's expressions, which are loaded when the first one is called.
"""

from collections.abc import Callable
from typing import Any, Final

from jinja2 import pass_context

STACKSTORM_FILTERS: Final = frozenset(
    {
        "basename", "decrypt_kv", "dirname", "from_json_string", "from_yaml_string", "json_dump", "json_escape",
        "json_parse", "jsonpath_query", "regex_match", "regex_search", "regex_substring", "to_complex",
        "to_human_time_from_seconds", "to_json_string", "to_yaml_string", "use_none", "version_bump_major",
        "version_bump_minor", "version_bump_patch", "version_compare", "version_equal", "version_less_than",
        "version_match", "version_more_than", "version_strip_patch", "yaml_dump", "yaml_parse",
    }
)  # fmt: skip
"""Those that the native language lacks."""


def _filter(name: str) -> Callable[..., Any]:
    @pass_context
    def call(context: Any, *arguments: Any, **options: Any) -> Any:
        from stretto.definitions.expressions.orquesta import Evaluation, stackstorm_function  # noqa: PLC0415 - slow

        return stackstorm_function(name)(Evaluation(context.scope, context.moment), *arguments, **options)

    return call


OF_STACKSTORM: Final[dict[str, Callable[..., Any]]] = {name: _filter(name) for name in STACKSTORM_FILTERS}
"""The filters by name."""
