"""Labels as people type them: KEY=VALUE in each line."""

from collections.abc import Mapping

from stretto.actors.runs import InvalidLabels


def labels_in(text: str) -> dict[str, str]:
    """Return the labels of a text. Raises `InvalidLabels`."""
    labels: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.split("\n"))):
        name, equals, value = line.partition("=")
        if not equals:
            raise InvalidLabels(f"a label must be KEY=VALUE, got {line[:100]!r}")
        if labels.setdefault(name, value) != value:
            raise InvalidLabels(
                f"the label {name[:100]!r} must have one value, got {labels[name]!r} and {value[:100]!r}"
            )
    return labels


def text_of_labels(labels: Mapping[str, str]) -> str:
    """Return the text of labels, a line each."""
    return "\n".join(f"{name}={value}" for name, value in labels.items())
