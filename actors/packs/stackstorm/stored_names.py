"""Keys of the key-value store in defaults of metadata: `{{ st2kv.system.NAME }}`, and with `| decrypt_kv`.

A key becomes one name of the language, `the_key_` or `the_secret_` with its own name in hexadecimal digits. Only the
engine has the keys, so it resolves these names before it calls an action.
"""

import re
from collections.abc import Iterator
from typing import Final

_READ: Final = re.compile(
    r"""(?<![\w.'"])st2kv\s*\.\s*system((?:\s*\.\s*[A-Za-z_]\w*)+)(\s*\|\s*decrypt_kv\b(?:\(\s*\))?)?"""
)
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NAMED: Final = re.compile(r"the_(key|secret)_([0-9a-f]+)")


def with_stored_names(text: str) -> str:
    """Return a default in which each key is one name."""
    return _EXPRESSION.sub(lambda expression: _READ.sub(_named, expression[0]), text)


def _named(found: re.Match[str]) -> str:
    name = "".join(found[1].split()).removeprefix(".")
    return f"the_{'secret' if found[2] else 'key'}_{name.encode().hex()}"


def stored_key(name: str) -> tuple[str, bool] | None:
    """Return the key that a name stands for, and whether it is decrypted, or None if it is another name."""
    found = _NAMED.fullmatch(name)
    return None if found is None else (bytes.fromhex(found[2]).decode(), found[1] == "secret")


def stored_names(text: str) -> Iterator[str]:
    """Yield the keys that a rewritten text reads."""
    for found in _NAMED.finditer(text):
        yield bytes.fromhex(found[2]).decode()
