"""The check of what packs require: released packages by name, which run no code while they are installed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

MAX_REQUIREMENTS: Final = 1000
"""Packages of one pack's `requirements.txt` or `package.json`."""
_VERSIONS: Final = r"(===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_PACKAGE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._,\s-]*\])?\s*"
    rf"(\(\s*{_VERSIONS}(\s*,\s*{_VERSIONS})*\s*\)|{_VERSIONS}(\s*,\s*{_VERSIONS})*)?\s*(;.*)?\Z"
)
_OPTION: Final = re.compile(r"\s-")
_HASH: Final = re.compile(r"\s--hash[= ]sha(256|384|512):[0-9a-fA-F]+")
_COMMENT: Final = re.compile(r"(^|\s)#.*")
_CODING: Final = re.compile(r"#.*?coding[:=]\s*([-\w.]+)", re.ASCII)
"""The declaration of an encoding, which pip follows: in UTF-7, what is a comment in UTF-8 can have further lines."""
_RELEASE: Final = re.compile(r"(npm:(@[\w.-]+/)?[\w.-]+@)?[\w.*+<>=~^|\s-]*\Z")
_DEPENDENCIES: Final = ("dependencies", "optionalDependencies", "peerDependencies")
_ALLOW: Final = "; --allow-build permits it"


def problems_of_requirements(text: str) -> list[str]:
    """Return one sentence for each line of a `requirements.txt` that is not a package by name."""
    for number, line in enumerate(text.splitlines()[:2], 1):
        if (coding := _CODING.search(line)) and coding[1].lower() not in {"utf-8", "utf8", "ascii"}:
            return [f"line {number}: the encoding must be UTF-8, got {coding[1]!r}"]
    lines = list(_lines(text))
    if len(lines) > MAX_REQUIREMENTS:
        return [f"it must have at most {MAX_REQUIREMENTS:,} packages, and has {len(lines):,}"]
    return [f"line {number}: {problem}" for number, line in lines if (problem := _problem(line))]


def problems_of_package(text: str, lock: str | None) -> list[str]:
    """Return one sentence for each dependency of a `package.json` and its lock that is not a release of npm's."""
    try:
        package = msgspec.json.decode(text)
        locked = {} if lock is None else msgspec.json.decode(lock)
    except (msgspec.DecodeError, RecursionError) as error:
        return [f"the file is not valid JSON: {error}"]
    if not isinstance(package, dict) or not isinstance(locked, dict):
        return ["the file must be an object"]
    required = [pair for name in _DEPENDENCIES for pair in _members(package, name)]
    if len(required) > MAX_REQUIREMENTS:
        return [f"it must have at most {MAX_REQUIREMENTS:,} dependencies, and has {len(required):,}"]
    problems = [
        f"{name!r} is required from {version!r}, which must be a version{_ALLOW}"
        for name, version in required
        if not isinstance(version, str) or not _RELEASE.match(version)
    ]
    for name, entry in _members(locked, "packages"):
        if isinstance(entry, dict) and not str(entry.get("resolved", "https:")).startswith("https:"):
            problems.append(f"{name!r} is locked to {entry['resolved']!r}, which must be an https URL{_ALLOW}")
    return problems


def requires_packages(text: str) -> bool:
    """Return whether a `requirements.txt` names any package."""
    return any(_lines(text))


def requires_modules(text: str) -> bool:
    """Return whether a `package.json` names a dependency, or cannot be read."""
    try:
        package = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return True
    return not isinstance(package, dict) or any(_members(package, name) for name in _DEPENDENCIES)


def _members(document: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    found = document.get(name)
    return list(found.items()) if isinstance(found, dict) else []


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the logical lines, each with the number of its first one. A line with a comment is not continued."""
    first, whole = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        first = first if whole else number
        continues = line.endswith("\\") and not _COMMENT.search(line)
        whole += line[:-1] + " " if continues else line
        if continues:
            continue
        if meant := _COMMENT.sub("", whole).strip():
            yield first, meant
        whole = ""
    if meant := _COMMENT.sub("", whole).strip():
        yield first, meant


def _problem(line: str) -> str:
    if line.startswith("-"):
        return f"{line.split(maxsplit=1)[0]!r} is an option, and only packages are allowed{_ALLOW}"
    named = _HASH.sub("", line)
    if option := _OPTION.search(named):
        return f"{named[option.start() :].split()[0]!r} is an option, and only packages are allowed{_ALLOW}"
    if _PACKAGE.match(named):
        return ""
    where = "a version control system" if re.search(r"\b(git|hg|svn|bzr)\+", line) else "a URL or a path"
    return f"{line!r} must be a package by name, not from {where}{_ALLOW}"
