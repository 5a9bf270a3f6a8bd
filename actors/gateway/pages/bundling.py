"""Modules of scripts with all that they import, as one file each: a page asks for one script, not for eight.

A module becomes a function that returns its exports, and an import takes names of its result. Sources stay plain ES
modules, which a browser would run as they are. They import by `import { a, b } from "./x.js"` or `import "./x.js"`, and
export by `export` before a declaration.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_IMPORT: Final = re.compile(r'^import (?:\{(?P<names>[^{}]*)\} from )?"\./(?P<file>[\w.]+)";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (?P<name>\w+))", re.MULTILINE)
_OTHER: Final = re.compile(r"^(?:import\b|export\b).*$|\bimport\(.*$|^await\b.*$", re.MULTILINE)


class CannotBundle(ValueError):
    """A module imports or exports in a way that is not known here."""


def bundled(name: str, files: Mapping[str, str]) -> str:
    """Return a module and those that it imports, in the order in which they run.

    Args:
        name: The file of the module.
        files: The texts of all modules.

    Raises:
        CannotBundle: A module has an import or an export of another form, or imports a file that is not there.
    """
    order = list(dict.fromkeys(_in_order(name, files, ())))
    if len(order) == 1:
        return files[name]
    parts = ['"use strict";']
    for each in order[:-1]:
        exports = [found["name"] for found in _EXPORT.finditer(files[each])]
        parts.append(
            f"const {_variable(each)} = (() => {{\n{_inner(each, files)}\nreturn {{ {', '.join(exports)} }};\n}})();"
        )
    parts.append(f"{{\n{_inner(name, files)}\n}}")
    return "\n".join(parts) + "\n"


def _in_order(name: str, files: Mapping[str, str], above: tuple[str, ...]) -> Iterator[str]:
    if name not in files or name in above:
        raise CannotBundle(f"{' > '.join((*above, name))}: there is no such file, or it imports itself")
    for found in _IMPORT.finditer(files[name]):
        yield from _in_order(found["file"], files, (*above, name))
    yield name


def _inner(name: str, files: Mapping[str, str]) -> str:
    def taken(found: re.Match[str]) -> str:
        names = found["names"]
        return "" if names is None else f"const {{{names.replace(' as ', ': ')}}} = {_variable(found['file'])};"

    text = _EXPORT.sub("", _IMPORT.sub(taken, files[name]))
    if (other := _OTHER.search(text)) is not None:
        raise CannotBundle(f"{name}: {other[0]!r} is an import or an export of a form that is not known")
    return text.strip()


def _variable(file: str) -> str:
    return "$" + re.sub(r"\W", "_", file.removesuffix(".js"))
