"""JSON, YAML, Base64, digests and words of a shell: meanings, laws and refusals."""

import hashlib
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import freeze
from stretto.definitions.context import CompletionScope
from stretto.definitions.context.masking import MASK, Mask, Secret
from stretto.definitions.expressions import GuardedValue, Moment
from tests.support.evaluating import JSON, MANY, SOME, TEXTS, compiled, evaluate, failure_of, plain, snapshot_of

VALUES: list[tuple[str, Any]] = [
    ("fromjson(' {\"a\": [1, 2.5, null]} ')", {"a": [1, 2.5, None]}),
    ("'[1]'|fromjson", [1]),
    ("tojson({'a': [1]})", '{"a":[1]}'),
    ("fromyaml('a: yes\nb: 012\nc: 12:30\nd: [1, null]')", {"a": "yes", "b": 12, "c": "12:30", "d": [1, None]}),
    ("fromyaml('a: &x [1]\nb: *x')", {"a": [1], "b": [1]}),
    ("fromyaml('# nothing')", None),
    ("'- a'|fromyaml", ["a"]),
    ("b64encode('h\u00e9')", "aMOp"),
    ("b64decode('aM\nOp\n')", "h\u00e9"),
    ("sha256('')", hashlib.sha256().hexdigest()),
    ("quote('a b')", "'a b'"),
    ("quote('')", "''"),
    ("[1.5, true]|map('quote')|list", ["1.5", "true"]),
]

REFUSALS = [
    ("fromjson('[1')", "fromjson() cannot read the text: Expecting ',' delimiter: line 1 column 3 (char 2)"),
    ("fromjson('NaN')", "fromjson() cannot read the text: NaN is not a JSON number"),
    ("fromjson([1])", "fromjson() takes a value of type string, got array"),
    ("fromyaml('a: [')", "fromyaml() cannot read the text: line 2: this is not valid YAML"),
    ("fromyaml('a: 1\na: 2')", "fromyaml() cannot read the text: line 2: duplicate key 'a'; the first is on line 1"),
    ("fromyaml('--- 1\n--- 2')", "line 2: the text must be one YAML document"),
    ("fromyaml(1)", "fromyaml() takes a value of type string, got number"),
    ("b64decode('a')", "b64decode() takes Base64 text: invalid base64-encoded string"),
    ("b64decode('a-b=')", "b64decode() takes Base64 text: only base64 data is allowed"),
    ("b64decode('/w==')", "b64decode() takes Base64 of text in UTF-8; byte 0 is not"),
    ("b64encode(1)", "b64encode() takes a value of type string, got number"),
    ("sha256({})", "sha256() takes a value of type string, got object"),
    ("quote(['a'])", "quote() takes a string, number or bool, got a value of type array; quote each member of a list"),
    ("quote('a\\0')", "quote() takes text without a null character"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_function_gives_its_value(text: str, value: Any) -> None:
    """In either form."""
    assert plain(evaluate(f"{{{{ {text} }}}}")) == value


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_refusal_names_the_function_and_what_is_wrong(text: str, reason: str) -> None:
    """So that the author finds it."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


def test_a_deep_text_is_refused() -> None:
    """Python's parser of JSON is recursive."""
    assert "nests too deeply" in failure_of("{{ fromjson(workflow.deep) }}", deep="[" * 100_000).reason


def test_an_alias_in_yaml_pays_for_what_it_repeats() -> None:
    """A short text can stand for a large value."""
    lists = "\n".join(f"l{depth}: &l{depth} [{', '.join([f'*l{depth - 1}'] * 20)}]" for depth in range(1, 4))
    text = f"l0: &l0 [{', '.join('1' * 20)}]\n{lists}"
    moment = Moment(0.0, "seed")
    compiled("{{ fromyaml(workflow.text) | length }}").evaluate(snapshot_of({"text": text}), moment)
    assert moment.spent() > 4 * 20**4


@given(JSON)
@MANY
def test_fromjson_undoes_tojson(value: Any) -> None:
    """For all JSON-like values."""
    assert plain(evaluate("{{ fromjson(tojson(workflow.v)) }}", v=value)) == plain(freeze(value))


@given(TEXTS)
@MANY
def test_b64decode_undoes_b64encode(text: str) -> None:
    """For all texts."""
    assert evaluate("{{ workflow.v | b64encode | b64decode }}", v=text) == text


@given(st.lists(TEXTS.map(lambda text: text.replace("\0", "")), max_size=4))
@SOME
def test_quoted_words_are_split_into_the_same_words(words: list[str]) -> None:
    """As a shell splits them."""
    assert shlex.split(evaluate("{{ map(workflow.v, w, quote(w)) | join(' ') }}", v=words)) == words


class _OneSecret(CompletionScope):
    """A scope in which `token` is a secret."""

    def __init__(self, secret: Secret) -> None:
        super().__init__(snapshot_of(), "succeeded", None)
        self._secret = secret

    def resolve(self, name: str) -> Any:
        return GuardedValue("tolkien", self._secret) if name == "token" else super().resolve(name)


@pytest.mark.parametrize(
    "text",
    [
        "b64encode(token)", "token|b64encode", "sha256(token)", "tojson([token])", "quote(token ~ ' x')",
        "regex_replace(token, 'k', '')", "map([1], n, token ~ n)", "combine({'a': token})", "product([token], [1])",
    ],
)  # fmt: skip
def test_what_is_made_of_a_secret_stays_secret(text: str) -> None:
    """The source of the secret learns the value."""
    mask = Mask([])
    value = compiled(f"{{{{ {text} }}}}").evaluate(_OneSecret(Secret(mask)), Moment(0.0, "seed"))
    assert MASK in str(mask.data(freeze(value)))
