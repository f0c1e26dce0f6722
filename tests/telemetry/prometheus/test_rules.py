"""The dashboard and the alert rules of the documentation, against what is exposed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from meshlib.telemetry.prometheus import PrometheusMetrics
from support.real.prometheus import promtool
from support.source import ROOT

RULES = ROOT / "docs" / "observability" / "meshlib-alerts.yml"
DASHBOARD = ROOT / "docs" / "observability" / "meshlib-dashboard.json"
UNIT_TESTS = Path(__file__).with_name("alerts_test.yml")

_METRIC = re.compile(r"\bmeshlib_\w+")
_MATCHED = re.compile(r"(meshlib_\w+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


def exposed() -> dict[str, set[str]]:
    """The labels of everything that Prometheus can be told, by the name of the sample."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry=registry)
    labels: dict[str, set[str]] = {}
    for made in metrics._meter._made.values():
        labels[made._metric._name] = set(made._metric._labelnames)
    samples: dict[str, set[str]] = {}
    from meshlib.telemetry._observed import OBSERVED
    from meshlib.telemetry.prometheus._names import label_names, metric_name

    for one in OBSERVED:
        labels[metric_name(one.name, one.unit)] = set(label_names(one.attributes))
    for family in registry.collect():
        known = labels[family.name]
        if family.type == "counter":
            samples[family.name + "_total"] = known
        elif family.type == "histogram":
            samples[family.name + "_bucket"] = known | {"le"}
            samples[family.name + "_count"] = samples[family.name + "_sum"] = known
        else:
            samples[family.name] = known
    return samples


def rules() -> list[dict[str, Any]]:
    """Every alert rule."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard and of the rules, by where it stands."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"${variable['name']}", variable["definition"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


@pytest.mark.parametrize(("place", "query"), [*queries()])
def test_every_query_asks_for_what_there_is(place: str, query: str) -> None:
    """Each metric is exposed under that very name, with the labels that are selected by."""
    known = exposed()
    names = _METRIC.findall(query)
    assert names, place
    assert set(names) <= set(known)
    for name, selected in _MATCHED.findall(query):
        assert set(_LABEL.findall(selected)) <= known[name], place
    of_all = set().union(*(known[name] for name in names)) | {"job", "instance"}
    for grouped in _GROUPED.findall(query):
        assert {label.strip() for label in grouped.split(",")} <= of_all, place


def test_the_dashboard_shows_everything() -> None:
    """Every metric is in a panel, but for the sums that nobody needs apart."""
    shown = {name for _, query in queries() for name in _METRIC.findall(query)}
    missing = {
        name
        for name in exposed()
        if name not in shown and not name.endswith(("_sum", "_bucket", "_count"))
    }
    assert set() == missing
    histograms = {name.removesuffix("_sum") for name in exposed() if name.endswith("_sum")}
    assert all(f"{name}_bucket" in shown for name in histograms)


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    """Panels have ids of their own and places that do not overlap, and name their source."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & own, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(panels))) - {"__rate_interval", "__all"}
    assert used <= variables


def test_promtool_takes_the_rules() -> None:
    """As Prometheus would."""
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", str(RULES))


def test_every_rule_fires_when_it_should_and_not_before() -> None:
    """By promtool, with series made up for each."""
    tested = yaml.safe_load(UNIT_TESTS.read_text("utf-8"))["tests"]
    assert [rule["alert"] for rule in rules()] == [one["name"] for one in tested]
    for one in tested:
        quiet, loud = one["alert_rule_test"]
        assert (quiet["exp_alerts"], len(loud["exp_alerts"])) == ([], 1)
    assert "SUCCESS" in promtool("test", "rules", str(UNIT_TESTS))
