"""Masks keep secrets out of errors, logs, outputs and the store."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import freeze
from stretto.definitions.conductor.errors import MAX_MESSAGE_LENGTH, _cut
from stretto.definitions.context.masking import FEW_FORMS, MASK, MAX_LEARNED, Mask, Secret
from tests.support.evaluating import JSON, SOME


def test_texts_and_numbers_within_secret_values_are_masked() -> None:
    """Everything within a secret list or object is secret; null is not."""
    mask = Mask(["alpha", {"x": ["beta", 12345]}, None])
    assert mask.text("alpha beta gamma 12345 None") == f"{MASK} {MASK} gamma {MASK} None"
    assert mask.data(freeze({"k": [12345, "alphabet", True, None]})) == {"k": [MASK, f"{MASK}bet", True, None]}


def test_the_longest_secret_is_masked_first() -> None:
    """A secret within another leaves nothing of the longer one behind."""
    assert Mask(["abcd", "abcdef"]).text("abcdef abcd") == f"{MASK} {MASK}"


def test_without_secrets_data_comes_back_as_it_is() -> None:
    """Nothing is copied for a run without secrets."""
    data = freeze({"a": [1]})
    assert Mask([]).data(data) is data
    assert Mask([None, True, ""]).data(data) is data


def test_a_short_secret_is_masked_as_a_whole_value_only() -> None:
    """A PIN of three digits is hidden where it stands alone, and does not black out other words."""
    data = freeze({"pin": "123", "number": 123, "text": "1234 123"})
    assert Mask(["123"]).data(data) == {"pin": MASK, "number": MASK, "text": "1234 123"}


def test_a_secret_is_masked_in_quotes_and_in_json() -> None:
    """Line breaks and quotes in a secret are escaped where it is quoted: these forms are masked, too."""
    secret = 'one\n"two"'
    for written in (secret, repr(secret), json.dumps(secret)):
        assert "one" not in Mask([secret]).text(f"see {written}!")


@given(st.lists(st.text("abc", min_size=4, max_size=7), min_size=1, max_size=3), JSON)
@SOME
def test_no_secret_is_left_in_data(secrets: list[str], value: Any) -> None:
    """At any depth, in keys and in values, no secret text remains."""
    masked = Mask(secrets).data(freeze([value, secrets, {secret: secret for secret in secrets}]))
    assert not any(secret in text for text in texts_in(masked) for secret in secrets)


def texts_in(value: Any) -> list[str]:
    """Return all texts of a value."""
    if isinstance(value, dict):
        return [text for key, member in value.items() for text in (key, *texts_in(member))]
    if isinstance(value, list):
        return [text for member in value for text in texts_in(member)]
    return [value] if isinstance(value, str) else []


@given(st.lists(st.text("abcd", min_size=4, max_size=9), max_size=12), st.text("abcde", max_size=60))
@SOME
def test_many_secrets_are_masked_as_few_are(secrets: list[str], text: str) -> None:
    """However many others there are, which cannot stand in this text: the same remains, and the same is secret."""
    few = Mask()
    many = Mask([f"~{number:04d}~" for number in range(FEW_FORMS + 1)])
    few.see(secrets)
    many.see([*secrets, *(f"~{number:04d}!" for number in range(FEW_FORMS + 1))])
    assert many.text(text) == few.text(text)
    assert (many.source_of(text) is None) == (few.source_of(text) is None)
    assert Mask(base=many).text(text) == few.text(text)


def test_the_work_for_a_text_does_not_grow_with_the_secrets() -> None:
    """Of 10,000 secrets, only those that can stand in the text are looked for, though they begin nearly alike."""
    mask = Mask([f"{number:05d}-token" for number in range(10_000)])
    assert mask._candidates("the token 04711-token of web-00001") == ["04711-token"]


def test_the_beginning_of_a_text_leaves_out_what_may_become_a_secret() -> None:
    """Half a secret at the end is held back until the rest of it, or something else, follows."""
    mask = Mask(["hunter2!", "two\nlines"])
    assert mask.beginning("it is hunter2") == "it is "
    assert mask.beginning("it is hunter2!") == f"it is {MASK}"
    assert mask.beginning("it is hunter2?") == "it is hunter2?"
    assert mask.beginning("see two\n") == "see "
    assert mask.beginning("tttt") == "ttt"
    assert Mask().beginning("it is hunter2") == "it is hunter2"


def test_a_secret_that_ends_as_it_begins_is_not_taken_apart() -> None:
    """The last character of a whole secret may begin another one: the whole one is masked all the same."""
    assert Mask(["a-b-a"]).beginning("x a-b-a") == f"x {MASK}"
    assert Mask(["a-b-a"]).passage("b-a x a-b-a") == f" x {MASK}"
    assert Mask(["abcd", "cd-ef"]).beginning("x abcd") == f"x {MASK}"
    assert Mask(["abcd", "x-ab"]).passage("abcd x") == " "


def test_a_passage_leaves_out_parts_of_secrets_at_both_ends() -> None:
    """Also if it lies within one secret as a whole."""
    mask = Mask(["hunter2!", 'a "b" c'])
    assert mask.passage("nter2! ok hunter2! ok hunt") == f" ok {MASK} ok "
    assert mask.passage('\\"b\\" c in JSON') == " in JSON"
    assert mask.passage("unter") == ""
    assert mask.passage("") == ""
    assert Mask().passage("nter2! ok") == "nter2! ok"


@given(
    st.lists(st.text("abc", min_size=4, max_size=9), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.text("-. ", min_size=1, max_size=5)), max_size=8),
    st.data(),
)
@SOME
def test_wherever_a_text_is_cut_no_part_of_a_secret_is_shown(
    secrets: list[str], parts: list[tuple[int, str]], data: st.DataObject
) -> None:
    """Between the secrets stands what is in none of them: nothing else is ever shown, and of that nothing is lost."""
    text = "".join(filler + secrets[number % len(secrets)] for number, filler in parts)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    mask = Mask(secrets)

    def others(piece: str) -> str:
        return "".join(each for each in piece if each not in "abc")

    assert others(text[begin:end]) == mask.passage(text[begin:end]).replace(MASK, "")
    assert others(text[:end]) == mask.beginning(text[:end]).replace(MASK, "")


def given_back(mask: Mask, count: int, *began_with: str) -> Mask:
    """Return the mask of a recovered run: it starts with the same secrets and receives those learned since."""
    other = Mask(base=Mask(began_with))
    other.see(mask.learned_since(count))
    return other


def test_secrets_that_a_run_learned_can_be_saved_and_restored() -> None:
    """In its order, and only what is new; short secrets, too, and those that other runs know."""
    mask = Mask(base=Mask(["of-the-engine"]))
    mask.see(["of-a-parameter"])
    count = mask.seen_count
    assert mask.learned_since(count) == ()
    mask.see([{"z": "of-an-item", "a": ["of-another", 123]}, "of-the-engine"])
    Secret(mask).learn("made of it")
    assert mask.learned_since(count) == ("of-an-item", "of-another", "123", "of-the-engine", "made of it")
    assert mask.learned_since(mask.seen_count - 1) == ("made of it",)
    other = given_back(mask, 0, "of-the-engine")
    assert other.learned_since(0) == mask.learned_since(0)
    for value in ("of-an-item", 123, "it is made of it", "the 123rd"):
        assert other.data(value) == mask.data(value)
        assert (other.source_of(value) is None) == (mask.source_of(value) is None)


def test_what_is_given_back_a_second_time_changes_nothing() -> None:
    """A replay learns again what the conductor learned."""
    mask = Mask()
    mask.see(["one-secret", "two-secret"])
    mask.see(mask.learned_since(0))
    assert mask.seen_count == 2


def test_that_too_many_secrets_were_made_is_given_back_as_well() -> None:
    """Secrets beyond the limit stay hidden after a recovery."""
    mask = Mask()
    Secret(mask).learn([f"made-{number}" for number in range(MAX_LEARNED + 5)])
    assert mask.text("anything at all") == MASK
    assert given_back(mask, 0).text("anything at all") == MASK
    few = Mask()
    Secret(few).learn([f"made-{number}" for number in range(MAX_LEARNED)])
    assert given_back(few, 0).text("anything at all") == few.text("anything at all") == "anything at all"


@given(st.lists(st.lists(st.text("abcd", max_size=6), max_size=3), max_size=6), st.integers(0, 6), st.text("abcd"))
@SOME
def test_the_additions_of_every_turn_give_the_same_mask(turns: list[list[str]], before: int, text: str) -> None:
    """A mask restored from any split of a run's secrets into turns masks as the run's own mask does."""
    mask, other, count = Mask(), Mask(), 0
    for number, secrets in enumerate(turns):
        if number < before:
            mask.see(secrets)
        else:
            Secret(mask).learn(secrets)
        other.see(mask.learned_since(count))
        count = mask.seen_count
    assert other.text(text) == mask.text(text)
    assert other.learned_since(0) == mask.learned_since(0)


def derived(value: Any, derive: Callable[[Any], Any], *secrets: str) -> Any:
    """Return how a value is shown that an expression derives from one that holds secrets."""
    mask = Mask()
    mask.see(secrets)
    frozen = freeze(value)
    source = mask.source_of(frozen)
    assert source is not None
    made = freeze(derive(frozen))
    source.learn(made, [source])
    return mask.data(made)


OUTPUT = "begin of the log\ntoken=s3cr3t-token; host=web-1\nend of the log\n"


@pytest.mark.parametrize(
    ("derive", "shown"),
    [
        (lambda text: text, OUTPUT.replace("s3cr3t-token", MASK)),
        (str.strip, OUTPUT.strip().replace("s3cr3t-token", MASK)),
        (str.splitlines, ["begin of the log", f"token={MASK}; host=web-1", "end of the log"]),
        (lambda text: text[text.index("host") :], "host=web-1\nend of the log\n"),
        (lambda text: {"line": text.splitlines()[1]}, {"line": f"token={MASK}; host=web-1"}),
    ],
)
def test_a_text_that_is_passed_on_keeps_all_but_its_secrets(derive: Callable[[Any], Any], shown: Any) -> None:
    """An output with a token in it is still an output: only the token is hidden."""
    assert derived(OUTPUT, derive, "s3cr3t-token") == shown


@pytest.mark.parametrize(
    "derive",
    [
        str.upper,
        lambda text: text[::-1],
        lambda text: text[: text.index("t-token")],
        lambda text: text[text.index("cr3t") :],
        lambda text: text.replace("token", "TOKEN"),
        lambda text: text.encode().hex(),
    ],
)
def test_a_text_that_is_derived_from_one_with_secrets_is_hidden(derive: Callable[[Any], Any]) -> None:
    """A part of a token, or a token in capitals, is no passage of the text."""
    assert derived(OUTPUT, derive, "s3cr3t-token") == MASK


def test_an_object_as_json_keeps_all_but_its_secrets() -> None:
    """Text around an expression shows an object as JSON."""
    value = {"code": 200, "body": 'it is "s3cr3t-token"', "more": [1, "plain"]}
    shown = json.dumps(value, separators=(",", ":")).replace("s3cr3t-token", MASK)
    assert derived(value, lambda frozen: json.dumps(frozen, separators=(",", ":")), "s3cr3t-token") == shown
    assert derived({**value, "pin": "417"}, lambda _: '"pin":"417"', "s3cr3t-token", "417") == MASK


def test_what_one_of_two_values_contains_is_passed_on() -> None:
    """An expression may read two outputs and pass on one of them."""
    mask = Mask()
    mask.see(["s3cr3t-token"])
    first, second = mask.source_of("first: s3cr3t-token"), mask.source_of("second: s3cr3t-token")
    assert first is not None
    assert second is not None
    for source in (first, second):
        source.learn("second: s3cr3t-token", [first, second])
    assert mask.text("second: s3cr3t-token") == f"second: {MASK}"
    for each in (first, Secret(mask)):
        each.learn("second: s3cr3t-token", [first, Secret(mask)])
    assert mask.text("second: s3cr3t-token") == MASK


def test_an_output_of_many_lines_is_split_in_bounded_time() -> None:
    """Each of 20,000 lines is looked for where the last one was found; no line is a secret afterwards."""
    lines = [f"line {number} of the log" for number in range(20_000)]
    lines[7] = "token=s3cr3t-token"
    shown = derived("\n".join(lines), str.splitlines, "s3cr3t-token")
    lines[7] = f"token={MASK}"
    assert shown == lines


@pytest.mark.parametrize("length", [MAX_MESSAGE_LENGTH - 110, 3])
def test_a_message_that_is_cut_shows_no_part_of_a_secret(length: int) -> None:
    """Neither the beginning of one at its end, nor that of one longer than the message."""
    secret = "s3cr3t-" * (2 if length > 3 else MAX_MESSAGE_LENGTH)
    message = _cut("n" * length + secret + "n" * 200)
    assert "s3cr" in message
    assert Mask([secret]).text(message) == f"{'n' * length}... ({length + len(secret) + 200:,} characters)"
    assert Mask(["other"]).text(message) == message
