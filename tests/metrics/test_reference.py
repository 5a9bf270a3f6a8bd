"""The documents know every metric: the operator's page, the dashboard and the alerts."""

import json
import re

import yaml

from stretto.metrics import catalogue
from tests.support.paths import DOCS

NOT_ON_THE_DASHBOARD = {
    "stretto_info": "a constant; it labels other series in queries of one's own",
    "stretto_snapshots_total": "a snapshot takes constant time, so its rate follows that of the tasks",
}
"""Metrics that the dashboard leaves out, each with the reason."""


def metrics() -> set[str]:
    """Return the names of all metrics, as they are scraped."""
    names = {each.name for each in vars(catalogue).values() if isinstance(each, catalogue.Metric)}
    # prometheus_client appends _info to the name of an Info.
    return {f"{name}_info" if name == catalogue.INFO.name else name for name in names}


def named_in(text: str) -> set[str]:
    """Return the metrics that a text names, without the suffixes of a histogram's series."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"stretto_[a-z_]+", text)}


def test_every_metric_has_its_line_in_the_operators_page() -> None:
    """The table under "Metrics" of docs/operating.md has every metric, and no other."""
    section = (DOCS / "operating.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    table = "\n".join(line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `"))
    differing = sorted(named_in(table) ^ metrics())
    assert not differing, f"the table under Metrics in docs/operating.md and the catalogue differ: {differing}"


def test_every_metric_is_on_the_dashboard() -> None:
    """docs/grafana.json has an expression with every metric that is not left out for a reason."""
    panels = json.loads((DOCS / "grafana.json").read_text())["panels"]
    shown = {name for panel in panels for target in panel["targets"] for name in named_in(target["expr"])}
    differing = sorted(shown ^ (metrics() - set(NOT_ON_THE_DASHBOARD)))
    assert not differing, f"add a target to docs/grafana.json, or a reason to NOT_ON_THE_DASHBOARD: {differing}"
    assert set(NOT_ON_THE_DASHBOARD) <= metrics()


def test_panels_do_not_overlap() -> None:
    """Each panel of the dashboard has its own id and its own place."""
    panels = json.loads((DOCS / "grafana.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_alerts_name_metrics_that_exist() -> None:
    """Every alert of docs/alerts.yaml is complete and uses metrics of the catalogue."""
    text = (DOCS / "alerts.yaml").read_text()
    recorded = {f"stretto_{name}" for name in re.findall(r"record: \w+:stretto_(\w+)", text)}
    assert named_in(text) - recorded <= metrics()
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if "record" not in rule]
    assert all({"alert", "expr", "for", "labels", "annotations"} == set(rule) for rule in alerts)
