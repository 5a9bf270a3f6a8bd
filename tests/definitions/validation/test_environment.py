"""Names of `keystore` and `config` that a workflow reads and an engine lacks."""

import pytest

from stretto.definitions import read_workflow
from stretto.definitions.validation import environment_names, missing_names


def names_in(expression: str) -> list[tuple[str, str]]:
    """Return the names that a workflow with an expression needs."""
    text = f'version: "1"\ntasks:\n  - name: a\n    action: core.echo\n    input: {{message: "{expression}"}}\n'
    return [(each.namespace, each.name) for each in environment_names(read_workflow(text, "a.yaml"))]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ keystore.token }}", [("keystore", "token")]),
        ("Bearer {{ keystore['token'] }} at {{ config.site.url }}", [("keystore", "token"), ("config", "site")]),
        ("{{ keystore.token | upper }}", [("keystore", "token")]),
        ("{{ keystore.token | default('none') }}", []),
        ("{{ keystore.token is defined and keystore.token }}", []),
        ("{{ keystore.token if system.run_id == 'x' else 'none' }}", []),
        ("{{ keystore['to' ~ 'ken'] }}", []),
        ("the keystore", []),
        ("plain", []),
    ],
)
def test_a_name_is_needed_if_every_evaluation_reads_it(expression: str, expected: list[tuple[str, str]]) -> None:
    """Literal names only; a name that is asked for, or that an evaluation may skip, is not needed."""
    assert names_in(expression) == expected


def test_a_missing_name_is_an_error_with_its_place_and_the_nearest_name() -> None:
    """A namespace whose names are not known is left out."""
    text = 'version: "1"\ntasks: [{name: a, action: core.echo, input: {message: "{{ keystore.tokn ~ config.x }}"}}]\n'
    names = environment_names(read_workflow(text, "a.yaml"))
    assert [str(each) for each in missing_names(names, {"token"}, set())] == [
        f"a.yaml:2:56: error: the namespace {what} (tasks[0].input.message)"
        for what in (
            "'keystore' has no 'tokn'; did you mean 'token'? [unknown_keystore_name]",
            "'config' has no 'x'; it is empty [unknown_config_name]",
        )
    ]
    assert [each.code for each in missing_names(names, None, set())] == ["unknown_config_name"]
    assert [each.hint for each in missing_names(names, {"a", "b"}, None)] == ["there are: a, b"]
    assert missing_names(names, {"tokn"}, {"x"}) == ()
