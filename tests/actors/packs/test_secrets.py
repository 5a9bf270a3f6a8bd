"""The packs' configuration and the keystore that runs can read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.packs import InvalidPackConfig, Pack, read_pack_configuration, read_packs
from stretto.definitions.context.masking import MASK, MAX_LEARNED, Mask
from stretto.definitions.errors import InvalidDefinition
from tests.support.engines import Bench
from tests.support.paths import DOCS

FLEET = DOCS / "packs" / "fleet"


@pytest.fixture(scope="module")
def packs() -> list[Pack]:
    """The sample pack."""
    return read_packs([FLEET])


def test_a_packs_workflows_see_its_configuration_and_others_see_all(packs: list[Pack]) -> None:
    """Given values win over the pack's, and the pack's over the schema's. `fleet.` marks the pack's own workflows."""
    given = read_pack_configuration({"fleet": {"api_token": "secret-token"}, "site": {"url": "x"}}, None, packs)
    own, other = given.of_workflow("fleet.check"), given.of_workflow("ops.check")
    assert own.config == {"region": "eu-central-1", "api_token": "secret-token"}
    assert own.secret_config == {"api_token"}
    assert other.config["site"] == {"url": "x"}
    assert other.mask.text("a secret-token") == f"a {MASK}"
    assert given.of_workflow("fleet.other") is own


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"fleet": {"regoin": "x"}}, "has no setting 'regoin'; did you mean 'region'?"),
        ({"fleet": {"region": 3}}, "'fleet.region' must be of type string, got integer"),
        ({"fleet": 3}, "the configuration of the pack 'fleet' must be an object"),
    ],
)
def test_configuration_that_does_not_fit_is_refused(packs: list[Pack], config: dict[str, Any], problem: str) -> None:
    """The error names the setting."""
    with pytest.raises(InvalidPackConfig, match="invalid pack configuration") as refused:
        read_pack_configuration(config, None, packs)
    assert problem in str(refused.value)


def test_a_new_pack_gets_its_own_part_of_the_configuration(packs: list[Pack], tmp_path: Path) -> None:
    """The part comes from the configuration read at the start. Its secrets are masked, and a misfit is refused."""
    given = read_pack_configuration(
        {"fleet": {"api_token": "secret-token"}, "site": {"url": "x"}}, {"key": "abcdef"}, []
    )
    assert given.of_workflow("fleet.check").config["site"] == {"url": "x"}
    now = given.of_packs(packs).of_workflow("fleet.check")
    assert now.config == {"region": "eu-central-1", "api_token": "secret-token"}
    assert now.keystore == {"key": "abcdef"}
    assert now.mask.text("a secret-token") == f"a {MASK}"
    (tmp_path / "pack.yaml").write_text("ref: site\nconf_schema: {url: {type: integer}}\n")
    with pytest.raises(InvalidPackConfig, match=r"'site\.url' must be of type integer, got string"):
        given.of_packs(read_packs([tmp_path]))


def test_an_engine_gives_a_new_configuration_to_later_runs(
    start_bench: Callable[..., Bench], packs: list[Pack]
) -> None:
    """A reload replaces definitions and packs together."""
    bench = start_bench(pack_config={"fleet": {"region": "x"}, "site": {"url": "y"}})
    shown = 'ref: fleet.show\ntasks: [{name: a, action: core.echo, input: {message: "{{ config.%s }}"}}]\n'
    whole = shown % "site.url" + "output_map: {said: '{{ task.a.result }}'}\n"
    assert bench.run(whole).output == {"said": "y"}
    bench.proxy.host.use_definitions(bench.proxy.host.catalogue().get(), packs).get()
    with pytest.raises(InvalidDefinition, match="the namespace 'config' has no 'site'; there are: api_token, region"):
        bench.run(whole)
    assert bench.run(whole.replace("site.url", "region")).output == {"said": "x"}


def test_values_can_come_from_files(tmp_path: Path) -> None:
    """The files are YAML or JSON, and errors have their place."""
    path = tmp_path / "keystore.yaml"
    path.write_text("token: abcdef\n")
    assert read_pack_configuration(None, path, []).of_workflow("x").keystore == {"token": "abcdef"}
    path.write_text("token: a\ntoken: b\n")
    with pytest.raises(InvalidDefinition, match=r"keystore\.yaml:2:1: error: duplicate key 'token'"):
        read_pack_configuration(None, path, [])
    with pytest.raises(InvalidDefinition, match="cannot read keystore"):
        read_pack_configuration(None, tmp_path / "none", [])


def test_config_and_keystore_are_namespaces(start_bench: Callable[..., Bench]) -> None:
    """The error of a missing name suggests the nearest one, and the rest of the keystore stays hidden."""
    bench = start_bench(keystore={"token": "abcdefgh"}, pack_config={"site": {"url": "http://x"}})
    assert bench.run("tasks: {t: {action: core.noop}}\noutput_map: {a: '{{ config.site.url }}'}").output == {
        "a": "http://x"
    }
    with pytest.raises(InvalidDefinition, match=r"has no 'tokn'; did you mean 'token'\? \[unknown_keystore_name\]"):
        bench.run("tasks: {t: {action: core.noop}}\noutput_map: {a: '{{ keystore.tokn }}'}")
    outcome = bench.run("tasks: {t: {action: core.noop}}\noutput_map: {a: \"{{ keystore['to' ~ 'kn'] }}\"}")
    assert "the namespace 'keystore' has no 'tokn'; did you mean 'token'?" in outcome.errors[0]["message"]


def test_a_name_that_a_called_workflow_lacks_is_found_before_the_run_starts(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """At any depth. A name that is asked for, or that an evaluation may skip, is none that a run needs."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "low.yaml").write_text(
        'ref: t.low\nversion: "1.0.0"\ntasks: [{name: a, action: core.echo, input: {message: "{{ keystore.gone }}"}}]\n'
    )
    (folder / "middle.yaml").write_text('ref: t.middle\nversion: "1.0.0"\ntasks: [{name: a, action: t.low}]\n')
    bench = start_bench(definitions=folder)
    with pytest.raises(InvalidDefinition, match=r"low\.yaml:3:56: error: the namespace 'keystore' has no 'gone'"):
        bench.run("tasks: [{name: a, action: t.middle}]\n")
    harmless = "{{ keystore.gone | default('x') }}{{ config.gone if false else 'y' }}"
    assert bench.run(f'tasks: {{t: {{action: core.noop}}}}\noutput_map: {{a: "{harmless}"}}').output == {"a": "xy"}


def test_a_result_that_holds_a_secret_keeps_its_harmless_fields(start_bench: Callable[..., Bench]) -> None:
    """Only the fields that contain the secret are masked."""
    output = (
        start_bench(keystore={"token": "abcdefgh"})
        .run(
            "tasks: {t: {action: core.echo, input: "
            "{message: {token: '{{ keystore.token }}', code: 2000, body: harmless}}}}\n"
            "output_map: {code: '{{ task.t.result.code }}', body: '{{ task.t.result.body }}', "
            "cut: '{{ task.t.result.token[2:] }}', how: '{{ task.t.outcome }}'}"
        )
        .output
    )
    assert output == {"code": 2000, "body": "harmless", "cut": MASK, "how": "succeeded"}


def test_a_variable_is_secret_only_while_it_holds_a_secret(start_bench: Callable[..., Bench]) -> None:
    """A variable is as secret as its current value."""
    output = (
        start_bench(keystore={"token": "abcdefgh"})
        .run(
            "vars: [{v: '{{ keystore.token }}'}, {v: plain-text}]\ntasks: {t: {action: core.noop}}\n"
            "output_map: {a: '{{ v }}', b: '{{ v[:5] }}'}"
        )
        .output
    )
    assert output == {"a": "plain-text", "b": "plain"}


def test_too_many_secrets_mask_everything() -> None:
    """Beyond the bound everything is masked, so that no secret shows."""
    mask = Mask(["first-secret"])
    mask.learn([f"made-{number}" for number in range(MAX_LEARNED + 1)])
    assert mask.text("anything at all") == MASK


def test_an_output_with_a_secret_in_it_is_masked_where_the_secret_is(start_bench: Callable[..., Bench]) -> None:
    """Text around a secret stays readable, wherever expressions take it; values made of the secret are hidden."""
    output = (
        start_bench(keystore={"token": "s3cr3t-token"})
        .run(
            "tasks:\n"
            "  show:\n"
            "    action: core.local\n"
            '    input: {cmd: "echo host=web-1; echo token=$T; echo bye", env: {T: "{{ keystore.token }}"}}\n'
            "    next: [{publish: [{out: '{{ result().stdout }}'}, {up: '{{ keystore.token | upper }}'}]}]\n"
            "output_map:\n"
            "  out: '{{ workflow.out }}'\n"
            "  line: 'log: {{ split(workflow.out, \"\\n\")[1] }}.'\n"
            "  up: 'is {{ workflow.up }}'\n"
            "  capitals: '{{ workflow.out | upper }}'\n"
        )
        .output
    )
    assert output == {
        "out": f"host=web-1\ntoken={MASK}\nbye\n",
        "line": f"log: token={MASK}.",
        "up": f"is {MASK}",
        "capitals": MASK,
    }
