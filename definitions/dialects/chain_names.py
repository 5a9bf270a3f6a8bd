"""Names in the expressions of an ActionChain as variables of the context: `{{ a.b }}` is `{{ ctx('a').b }}`."""

from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, TemplateSyntaxError

from stretto.definitions.errors import Place
from stretto.definitions.model import ST2
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

_JINJA: Final = Environment(autoescape=True)
"""Used for its lexer only."""
_WORDS: Final = frozenset(
    {
        "and", "or", "not", "in", "is", "if", "else", "elif", "endif", "for", "endfor", "set", "endset", "recursive",
        "loop", "true", "false", "none", "True", "False", "None", "filter", "endfilter", "raw", "endraw", "do",
    }
)  # fmt: skip
_BLOCK_BEGINS: Final = frozenset({"{%", "{%-", "{%+"})
_TARGETS: Final = {"for": "in", "set": "="}
"""The words whose blocks give values to names, each with what ends these names."""
CONFIG: Final = "config_context"
"""The name of the pack's configuration, which expressions read as it is."""
STORED: Final = frozenset({"st2kv", "system"})
"""The names of StackStorm's datastore. `system.KEY` is the older form of `st2kv.system.KEY`."""

ACTION_CONTEXT: Final = "action_context"
"""The name of what an action knows of the run that it belongs to."""
RESULTS: Final = "results_of_chain"
"""The variable that has the tasks' results by name, which StackStorm calls `__results`."""
_PARENT: Final = {"execution_id": "action_execution_id", "user": "user", "pack": "pack"}
"""The fields of `action_context.parent`, each with that of `st2` which has its value."""
_RENAMED: Final = {"__results": RESULTS}
"""Names that no variable of Orquesta can have, each with that of its variable."""


def names_in(node: Node) -> Iterator[str]:
    """Yield the names that the expressions in a node read."""
    for text in _texts(node):
        for _index, name in _free_names(_tokens(text)):
            yield _RENAMED.get(name, name)


def action_context(place: Place) -> MapNode:
    """Return the value of `action_context`: what the actions of a run know of it."""
    fields: dict[str, Node] = {
        "parent": _object(place, {name: _fact(place, fact) for name, fact in _PARENT.items()}),
        "user": _fact(place, "user"),
        "api_user": _fact(place, "user"),
    }
    return _object(place, fields)


def _object(place: Place, fields: dict[str, Node]) -> MapNode:
    return MapNode(place, fields, dict.fromkeys(fields, place))


def _fact(place: Place, name: str) -> ScalarNode:
    text = f"<% ctx({ST2}).{name} %>"
    return ScalarNode(place, text, text, text)


def with_context(node: Node) -> Node:
    """Return a node whose expressions read the context."""
    if isinstance(node, MapNode):
        return MapNode(node.place, {key: with_context(each) for key, each in node.members.items()}, node.keys)
    if isinstance(node, ListNode):
        return ListNode(node.place, [with_context(each) for each in node.members])
    if not isinstance(node.value, str) or "{" not in node.text:
        return node
    text = _rewritten(node.text)
    return ScalarNode(node.place, text, text, node.source)


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node, MapNode):
        for each in node.members.values():
            yield from _texts(each)
    elif isinstance(node, ListNode):
        for each in node.members:
            yield from _texts(each)
    elif isinstance(node.value, str) and "{" in node.text:
        yield node.text


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each token, or nothing for a text that is not valid: the reader reports it."""
    try:
        return [(kind, value) for _line, kind, value in _JINJA.lex(text)]
    except TemplateSyntaxError:
        return []


def _free_names(tokens: list[tuple[str, str]]) -> list[tuple[int, str]]:
    """Return the index and the name of each name that is not an attribute, a filter, a function or a loop's own."""
    meant = [(index, kind, text) for index, (kind, text) in enumerate(tokens) if kind != "whitespace"]
    found, own = [], set[str]()
    targets_until = ""
    """The end of the targets of a `for` or a `set`, "" elsewhere."""
    before = follows = ""
    for place, (index, kind, text) in enumerate(meant):
        leads = meant[place + 1][2] if place + 1 < len(meant) else ""
        if text == targets_until or kind == "block_end":
            targets_until = ""
        elif follows in _BLOCK_BEGINS:
            targets_until = _TARGETS.get(text, "")
        elif kind == "name" and follows != ".":
            is_other = text in _WORDS or follows in {"|", "is"} or (before, follows) == ("is", "not")
            if targets_until:
                own.add(text)
            elif not is_other and leads not in {"(", "="}:
                found.append((index, text))
        before, follows = follows, text
    return [(index, name) for index, name in found if name not in own]


def _rewritten(text: str) -> str:
    tokens = _tokens(text)
    if not tokens:
        return text
    pieces = [value for _kind, value in tokens]
    for index, name in _free_names(tokens):
        if name in STORED:
            _read_stored(pieces, index, name)
        elif name != CONFIG:
            pieces[index] = f"ctx('{_RENAMED.get(name, name)}')"
    return "".join(pieces)


def _read_stored(pieces: list[str], index: int, name: str) -> None:
    """Write `st2kv.system.KEY` and `system.KEY` as a call, which may be undefined. `| decrypt_kv` goes into it."""
    path, last = ["system"] if name == "system" else [], index + 1
    while last + 1 < len(pieces) and pieces[last] == ".":
        path.append(pieces[last + 1])
        pieces[last] = pieces[last + 1] = ""
        last += 2
    rest = [at for at in range(last, len(pieces)) if pieces[at].strip()]
    decrypted = [pieces[at] for at in rest[:2]] == ["|", "decrypt_kv"]
    for at in rest[: 2 if decrypted else 0]:
        pieces[at] = ""
    pieces[index] = f"st2kv_or_undefined('{'.'.join(path)}'{', true' if decrypted else ''})"
