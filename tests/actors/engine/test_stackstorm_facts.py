"""What Orquesta definitions read of their own run: the variable `st2`, and visits of tasks by `task()`."""

from collections.abc import Callable
from pathlib import Path

from stretto.actors import Requester
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

FACTS = """version: 1.0
tasks: {one: {action: core.noop}}
output: [all: <% ctx().keys() %>, st2: <% ctx().st2 %>, id: "{{ ctx('st2').action_execution_id }}"]
"""
VISITS = """version: 1.0
tasks:
  one:
    action: core.local cmd="echo 1"
    next: [{publish: [own: <% task(one).result.stdout %>], do: many}]
  many:
    with: {items: "<% [1, 0] %>"}
    action: core.local
    input: {cmd: "exit $N", env: {N: "<% str(item()) %>"}}
    next: [{when: <% failed() %>, publish: [items: <% task(many).result.items %>], do: last}]
  last: {action: core.noop, next: [{publish: [after: "{{ task('one') }}"]}]}
output:
  - own: <% ctx(own) %>
  - items: <% ctx(items).select([$.status, $.result.return_code]) %>
  - after: <% ctx(after) %>
"""


def test_a_run_knows_itself_as_in_stackstorm(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Six fields, and the id of the workflow, among the variables. What is read back from the store says the same."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
    path = tmp_path / "facts.yaml"
    path.write_text(FACTS)
    by = Requester(who="ada", via="cli", source="local")
    run = bench.proxy.submit(str(path), by=by).get(timeout=PATIENCE)
    outcome = outcome_of(run)
    assert outcome.output == {
        "st2": {
            "action_execution_id": run.id, "workflow_execution_id": run.id, "api_url": "", "user": "ada", "pack": "",
            "action": "facts", "runner": "orquesta",
        },
        "id": run.id,
        "all": ["st2"],
    }  # fmt: skip
    value = bench.proxy.context_value(run.id, path=["variables", "st2", "user"]).get(timeout=PATIENCE)
    assert value == "ada"


def test_a_key_of_a_user_is_that_of_the_user_who_started_the_run(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Unless another one is named. A run without a user, and a user without the key, have the default."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
    path = tmp_path / "keys.yaml"
    path.write_text(
        "version: 1.0\nvars:\n  - own: <% st2kv('user.color', default => none) %>\n"
        "  - bobs: \"{{ st2kv('user.bob.color') }}\"\n  - bare: <% st2kv(color, default => none) %>\n"
        "tasks: {one: {action: core.noop}}\noutput: [all: '<% [ctx(own), ctx(bobs), ctx(bare)] %>']\n"
    )
    for name, color in (("ada", "red"), ("bob", "blue")):
        bench.proxy.set_key("color", color, scope="user", owner=name).get(timeout=PATIENCE)

    def colors(who: str) -> object:
        by = Requester(who=who, via="cli", source="local") if who else None
        return outcome_of(bench.proxy.submit(str(path), by=by).get(timeout=PATIENCE)).output

    assert colors("ada") == {"all": ["red", "blue", "red"]}
    assert colors("bob") == {"all": ["blue", "blue", "blue"]}
    assert colors("eve") == {"all": ["none", "blue", "none"]}
    assert colors("") == {"all": ["none", "blue", "none"]}
    bench.proxy.set_key("color", "grey").get(timeout=PATIENCE)
    assert colors("ada") == {"all": ["red", "blue", "grey"]}


def test_a_task_is_known_by_its_name(bench: Bench, tmp_path: Path) -> None:
    """In its own transitions, and later. The result of a task with items has the status of each."""
    path = tmp_path / "visits.yaml"
    path.write_text(VISITS)
    run = bench.proxy.submit(str(path)).get(timeout=PATIENCE)
    outcome = outcome_of(run)
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    assert outcome.output["own"] == 1
    assert outcome.output["items"] == [["failed", 1], ["succeeded", 0]]
    after = outcome.output["after"]
    assert (after["task_id"], after["status"], after["route"]) == ("one", "succeeded", 0)
    assert (after["workflow_execution_id"], after["result"]["stdout"]) == (run.id, 1)
    assert after["start_timestamp"] <= after["end_timestamp"]
