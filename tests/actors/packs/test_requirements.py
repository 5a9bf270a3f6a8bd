"""Requirements are released packages by name; everything that runs code at installation is refused."""

import json

import pytest

from stretto.actors.packs.requirements import (
    MAX_REQUIREMENTS,
    problems_of_package,
    problems_of_requirements,
    requires_modules,
    requires_packages,
)

GOOD = """
# a comment
requests
requests==2.31.0  # pinned
Requests [socks,security] >= 2.8.1, == 2.8.* ; python_version < "3.9"
zope.interface~=6.0
a (>=1,<2)
pinned==1.0 \\
    --hash=sha256:0123456789abcdef
"""


def test_packages_by_name_are_accepted() -> None:
    assert problems_of_requirements(GOOD) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-e .", "'-e' is an option"),
        ("--index-url https://evil", "'--index-url' is an option"),
        ("-r other.txt", "'-r' is an option"),
        ("requests --global-option=x", "'--global-option=x' is an option"),
        ("requests; python_version > '3' -i https://evil", "'-i' is an option"),
        ("git+https://example.org/x.git", "not from a version control system"),
        ("x @ git+ssh://example.org/x.git", "not from a version control system"),
        ("x @ https://example.org/x.whl", "not from a URL or a path"),
        ("https://example.org/x.tar.gz", "not from a URL or a path"),
        ("./local", "not from a URL or a path"),
        ("../x.whl", "not from a URL or a path"),
        ("file:///x", "not from a URL or a path"),
    ],
)
def test_options_and_other_sources_are_refused_with_their_line(line: str, reason: str) -> None:
    (problem,) = problems_of_requirements(f"requests\n\n{line}\n")
    assert problem.startswith("line 3: ")
    assert reason in problem
    assert "--allow-build permits it" in problem


def test_an_option_hidden_by_a_continued_line_is_refused() -> None:
    assert "line 1" in problems_of_requirements("requests \\\n--index-url https://evil\n")[0]


def test_too_many_requirements_are_refused() -> None:
    (problem,) = problems_of_requirements("x\n" * (MAX_REQUIREMENTS + 1))
    assert "at most 1,000 packages, and has 1,001" in problem


@pytest.mark.parametrize("version", ["^1.2.3", "1.x || >=2.5.0", "latest", "*", "", "~1.2.3-beta.1", "npm:other@^1.0"])
def test_releases_of_npm_are_accepted(version: str) -> None:
    assert problems_of_package(json.dumps({"dependencies": {"x": version}}), None) == []


@pytest.mark.parametrize(
    "version",
    ["file:../x", "git+https://example.org/x.git", "user/repository", "https://example.org/x.tgz", "link:../x", 5],
)
def test_other_sources_of_npm_are_refused(version: object) -> None:
    (problem,) = problems_of_package(json.dumps({"optionalDependencies": {"x": version}}), None)
    assert "'x' is required from" in problem


def test_a_lock_that_leads_elsewhere_is_refused() -> None:
    lock = {"packages": {"": {}, "node_modules/x": {"resolved": "git+ssh://git@example.org/x.git#1"}}}
    (problem,) = problems_of_package('{"dependencies": {"x": "1.0.0"}}', json.dumps(lock))
    assert "must be an https URL" in problem


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_package_that_is_no_object_is_refused(text: str) -> None:
    assert problems_of_package(text, None) != []


def test_a_file_without_requirements_requires_nothing() -> None:
    assert not requires_packages("# only a comment\n\n")
    assert not requires_modules('{"name": "x", "devDependencies": {"eslint": "9"}}')
    assert requires_modules("{")


@pytest.mark.parametrize("comment", ["# a comment \\", "requests  # a comment \\"])
def test_a_comment_hides_no_line_that_follows_it(comment: str) -> None:
    """A comment is not continued: the tools read the next line by itself."""
    (problem,) = problems_of_requirements(f"{comment}\n--index-url=https://evil\n")
    assert problem.startswith("line 2: '--index-url=https://evil' is an option")


@pytest.mark.parametrize("declaration", ["# coding: utf-7", "# -*- coding: UTF-7 -*-", "requests  # coding=utf-7"])
def test_another_encoding_which_could_hide_lines_is_refused(declaration: str) -> None:
    """In UTF-7 this comment has a second line, which is an option."""
    text = f"{declaration}\n# harmless+AAo---index-url+AD0-https+ADo-//evil\nrequests\n"
    assert text.encode().decode("utf-7").splitlines()[2] == "--index-url=https://evil"
    (problem,) = problems_of_requirements(text)
    assert problem.lower() == "line 1: the encoding must be utf-8, got 'utf-7'"
    assert problems_of_requirements("# -*- coding: utf-8 -*-\nrequests\n") == []
