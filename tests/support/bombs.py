"""Expressions that would stop a daemon without limits, and a program that evaluates them under limits of the system.

Run as a program, it reads a language and expressions as JSON from its input, and prints for each the CPU seconds, and
the code and the text of its error or "".
"""

import json
import re
import resource
import sys
import time
from typing import Any

from stretto.definitions import ExpressionError
from stretto.definitions.expressions import ExpressionLimits, Moment
from tests.support import evaluating, evaluating_orquesta

MAX_MEMORY = 1_500 * 1024 * 1024
CPU_SECONDS = 150
LIMITS = ExpressionLimits(max_cost=1_000_000)
"""A fifth of the default: an evaluation has about a tenth of a second."""

# The passes themselves stay far below the limits, so that the operation is what exceeds them.
LOOP = "{%% for i in range(20000) %%}{%% if %s %%}{%% endif %%}{%% endfor %%}"
_SHARED = """
'xy' in B
B == C
B != C
B < C
B[1:]
B[::-1]
L[1:]
L == M
L != M
L < M
-1 in L
'x' in S
{'a': 1} in R
R == Q
B.count('ab')
B.find('xy')
B.startswith(C)
B.endswith(C)
B.isalpha()
B.isdigit()
B.upper()
B.title()
B.split('a')
B.replace('a', 'b')
B.strip('ba')
B.splitlines()
L.index(199999)
L.count(1)
B is lower
B|upper is upper
B is eq C
B is lt C
B is in [C]
'xy' is in B
B|reverse
B|capitalize
B|wordcount
B|replace('a', 'b')
B|truncate(10)
B ~ C
B + C
L + M
L * 2
B * 2
L|select('eq', 3)|list
L|reject('eq', 3)|list
R|selectattr('a', 'eq', 3)|list
R|map(attribute='a')|list
S|map('upper')|list
L|sum
L|sort
L|unique|list
R|groupby('a')|list
L|batch(2)|list
L|slice(2)|list
L|min
L|max
S|join
B|tojson
R|tojson
O|dictsort|first
O|items|list
L|first in L
B|int(0)
B|float(0)
B|list|length
B|urlencode
B|wordwrap
B|indent
(1, 2) * 100000 in [L]
B|default('x', true)|length and B == C
""".strip().split("\n")
NATIVE = [
    *_SHARED,
    "match('(a|aa)*b', B)",
    "match('(a|b)*a(a|b){500}c', B)",
    "match('x{' ~ i % 1000 ~ '}', 'a')",
    "contains(B, 'xy')",
    "contains(L, -1)",
    "starts_with(B, C)",
    "ends_with(B, C)",
    "index_of(B, 'xy')",
    "index_of(L, -1)",
    "slice(B, 1)",
    "slice(L, 1)",
    "reversed(B)",
    "reversed(L)",
    "count(B, 'ab')",
    "count(L, -1)",
    "B.rsplit('aab')",
    "trim(B)",
    "zip(L, M)",
    "flat([L, M])",
    "chunks(L, 2)",
    "merge(O, O)",
    "keys(O)",
    "string(R)",
]
ORQUESTA = [
    *_SHARED,
    "B.rfind('a' * 50 ~ 'b')",
    "B.rpartition('aab')",
    "B.islower()",
    "B.swapcase()",
    "B|regex_match('(a|aa)*b')",
    "B|regex_search('(a|b)*a(a|b){500}c')",
    "B|regex_replace('a.*x|a', 'b')",
    "B|string is lower",
    "B|escape",
    "B|striptags",
    "B|urlize",
    "B|json_escape",
    "R|string",
    "R|pprint",
    "R|to_yaml_string",
    "zip(L, M)|list",
    "'{}'.format(B)",
    "R|jsonpath_query('$..a')",
]
STATEMENTS = [
    "{% for i in range(400000) %}" + "{% set x = 1 %}" * 1000 + "{% endfor %}",
    "{% for i in range(400000) %}{{ B }}{% endfor %}",
    "{% for i in range(2000) %}{% for j in range(2000) %}{% if i == j %}{% endif %}{% endfor %}{% endfor %}",
    "{% set x = [B] %}{% for i in range(400000) %}{% if x == [C] %}{% endif %}{% endfor %}",
    "{% for c in B %}{% for d in B %}{% endfor %}{% endfor %}",
]
MACROS = [
    "{% macro f(n) %}"
    + "{% set x = 1 %}" * 500
    + "{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "{{ '%999999999d' is even }}",
    "{{ 1.5|round(10**9, 'ceil') }}",
]
YAQL = [
    f"range(4000).select({each})"
    for each in (
        "ctx(B).indexOf(xy)", "ctx(B).lastIndexOf('aab')", "xy in ctx(B)", "ctx(B) = ctx(C)", "ctx(B) != ctx(C)",
        "ctx(B) < ctx(C)", "ctx(B).startsWith(ctx(C))", "ctx(B).endsWith(ctx(C))", "ctx(B).toUpper()",
        "ctx(B).trim(ba)",
        "ctx(B).split(a)", "ctx(B).rightSplit(aab)", "ctx(B).replace(a, b)", "ctx(B).substring(1)", "ctx(B).len()",
        "ctx(B).norm()", "ctx(B).toCharArray().len()", "ctx(B) + ctx(C)", "ctx(B) * 2", "ctx(B) =~ '(a|aa)*b'",
        "regex('(a|b)*a(a|b){500}c').matches(ctx(B))", "ctx(B).split(regex(a))", "regex(a).replace(ctx(B), b)",
        "regex('a.*x|a').searchAll(ctx(B)).len()", "-1 in ctx(L)", "ctx(L) = ctx(M)", "ctx(R) = ctx(Q)",
        "ctx(L).contains(-1)", "ctx(L).indexOf(-1)", "ctx(L).lastIndexOf(-1)", "ctx(L).reverse().len()",
        "ctx(L).orderBy($).first()", "ctx(R).orderBy($.a).first()", "ctx(L).distinct().len()", "ctx(L).toSet().len()",
        "ctx(R).groupBy($.a).len()", "ctx(L).sum()", "ctx(L).max()", "ctx(L).where($ > 3).len()", "ctx(L) + ctx(M)",
        "ctx(L) * 2", "ctx(L).join(x)", "str(ctx(R))", "ctx(O).keys().len()",
        "ctx(O).containsValue(-1)", "ctx(O).items().len()", "ctx(L).slice(2).len()", "ctx(L).skip(1).len()",
        "ctx(L).insert(1, 1).len()", "ctx(L).zip(ctx(M)).len()", "ctx(R).a.len()",
        "json(ctx(J)).len()", "to_json_string(ctx(R))", "len(ctx(B).toLower())",     )
]  # fmt: skip
"""Each evaluates one operation over a text of 4,000,000 characters or a list of 200,000 members again and again."""


def variables() -> dict[str, Any]:
    """Return what the bombs read: two equal texts, and pairs of equal lists and objects."""
    numbers = list(range(200_000))
    records = [{"a": number} for number in numbers]
    return {
        "B": "ab" * 2_000_000,
        "C": "ab" * 1_999_999 + "".join(["a", "b"]),
        "L": numbers,
        "M": [*numbers],
        "S": [f"s{number}" for number in numbers],
        "R": records,
        "Q": [{"a": number} for number in numbers],
        "O": {f"k{number}": number for number in numbers},
        "J": json.dumps(numbers),
    }


def expressions_of(language: str) -> list[str]:
    """Return the bombs of a language: `native`, `jinja` (Orquesta's) or `yaql`."""
    if language == "yaql":
        return [f"<% {each} %>" for each in YAQL]
    loops = [LOOP.replace("%%", "%").replace("%s", each) for each in (NATIVE if language == "native" else ORQUESTA)]
    return [*loops, *STATEMENTS, *(MACROS if language == "jinja" else ())]


def _named(text: str, language: str) -> str:
    """Return the text with each capital letter as the variable of that name."""
    prefix = "workflow." if language == "native" else "ctx()."
    return text if language == "yaql" else re.sub(r"\b([BCJLMOQRS])\b", prefix + r"\1", text)


def main() -> None:
    """Evaluate the bombs of the input."""
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    scope = evaluating.snapshot_of(variables())
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    support: Any = evaluating if asked["language"] == "native" else evaluating_orquesta
    for text in asked["texts"]:
        template = support.compiled(_named(text, asked["language"]))
        begun = time.process_time()
        code = message = ""
        try:
            template.evaluate(scope, Moment(0.0, "seed", limits=LIMITS))
        except ExpressionError as error:
            code, message = error.code, str(error)[-300:]
        sys.stdout.write(json.dumps([time.process_time() - begun, code, message]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
