"""Labels are few, short and printable, so that any store keeps them and any terminal shows them."""

from typing import Any

import pytest

from stretto.actors.runs.labels import MAX_LABEL_KEY, MAX_LABEL_VALUE, MAX_LABELS, InvalidLabels, checked_labels


def test_labels_are_sorted_and_none_is_no_label() -> None:
    """The largest ones are taken, too."""
    assert list(checked_labels({"b": "", "a": "x y"})) == ["a", "b"]
    assert checked_labels(None) == {}
    most = {f"{number:0{MAX_LABEL_KEY}}": "v" * MAX_LABEL_VALUE for number in range(MAX_LABELS)}
    assert checked_labels(most) == most


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({str(number): "" for number in range(MAX_LABELS + 1)}, "at most 16 labels, got 17"),
        ({"": "v"}, "key must be 1 to 63 printable characters without '=', got ''"),
        ({"k" * (MAX_LABEL_KEY + 1): "v"}, "key must be 1 to 63 printable characters"),
        ({"a=b": "v"}, "without '=', got 'a=b'"),
        ({"a\n": "v"}, "printable"),
        ({5: "v"}, "got 5"),
        ({"k": "v" * (MAX_LABEL_VALUE + 1)}, "the value of the label 'k' must be at most 255 printable characters"),
        ({"k": "a\0"}, "value of the label 'k'"),
        ({"k": "\ud800"}, "value of the label 'k'"),
        ({"k": 7}, "got 7"),
    ],
)
def test_other_labels_are_refused(labels: dict[Any, Any], message: str) -> None:
    """The message says what is wrong with which one."""
    with pytest.raises(InvalidLabels) as raised:
        checked_labels(labels)
    assert message in str(raised.value)
    assert raised.value.code == "invalid_labels"
