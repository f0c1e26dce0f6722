"""Each rule is silent beside what it is there for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from meshlib import MeshConfig
from meshlib.config import lint, load_config
from meshlib.config.linting import RULES
from support.blocks import blocks
from support.source import ROOT

A = '["http://a", "http://b"]'
SIX = '["http://a", "http://b", "http://c", "http://d", "http://e", "http://f"]'


SILENT: list[tuple[str, str, dict[str, Any]]] = [
    ("ML001", "defaults: {timeout: 7s, attempt_timeout: 2s}", {}),
    ("ML001", "defaults: {timeout: null, attempt_timeout: 2s}", {}),
    ("ML001", "defaults: {timeout: 3s, attempt_timeout: 2s, retry: false}", {}),
    ("ML001", "defaults: {timeout: 2s, attempt_timeout: 2s}", {}),
    (
        "ML001",
        "defaults: {timeout: 3s, attempt_timeout: 1s, retry: {backoff: {initial: 0}}}",
        {},
    ),
    ("ML002", "defaults: {attempt_timeout: 14s}", {}),
    ("ML002", "defaults: {attempt_timeout: 20s, timeout: null}", {}),
    ("ML003", "defaults: {retry: {backoff: {initial: 14s, max: 14s}}}", {}),
    ("ML003", "defaults: {timeout: 2s, retry: {backoff: {initial: 9s}}}", {}),
    ("ML003", "defaults: {timeout: 1s, retry: {max_attempts: 1, backoff: {initial: 1s}}}", {}),
    ("ML004", "defaults: {idempotent: true, retry: false}", {}),
    ("ML004", "defaults: {idempotent: false}", {}),
    (
        "ML004",
        "services: {a: {routes: [{match: {method: [GET, PUT]}, idempotent: true}]}}",
        {},
    ),
    ("ML005", "defaults: {retry: {budget: {ratio: 0.25}}}", {}),
    ("ML005", "defaults: {retry: {budget: {ratio: 1}}}", {"hops": 1}),
    ("ML005", "defaults: {retry: {budget: {ratio: 1}, max_attempts: 1}}", {}),
    ("ML006", "defaults: {retry: {budget: {ratio: 0}}}", {}),
    ("ML007", "defaults: {hedge: {delay: 14s}}", {}),
    ("ML007", "defaults: {hedge: {delay: 20s}, timeout: null}", {}),
    ("ML008", "defaults: {hedge: true}", {}),
    ("ML009", "defaults: {hedge: {max_hedges: 2}}", {}),
    ("ML010", f"services: {{a: {{endpoints: {A}, hedge: true}}, b: {{discovery: env}}}}", {}),
    ("ML010", "services: {b: {discovery: env, hedge: true}}", {}),
    ("ML011", "defaults: {timeout: 1s}", {}),
    ("ML011", "defaults: {timeout: 2s, bulkhead: {max_wait: 1s}}", {}),
    ("ML011", "defaults: {timeout: 2s, bulkhead: {max_wait: 3s, max_queue: 0}}", {}),
    ("ML011", "defaults: {timeout: null, bulkhead: {max_wait: 3s}}", {}),
    ("ML012", "defaults: {timeout: null, attempt_timeout: 5s}", {}),
    ("ML101", f"services: {{a: {{endpoints: {A}}}}}", {"rates": {"a": 4, "x": 1}}),
    ("ML101", f"services: {{a: {{endpoints: {A}}}}}", {"rates": {"b": 1}}),
    ("ML101", "services: {a: {breaker: {sampling_count: 20}}}", {"rates": {"a": 1}}),
    ("ML101", "services: {a: {breaker: {failure_ratio: null}}}", {"rates": {"a": 1}}),
    ("ML101", "services: {a: {breaker: false}}", {"rates": {"a": 1}}),
    ("ML102", "defaults: {breaker: {consecutive_failures: null}}", {}),
    ("ML102", "defaults: {breaker: {enabled: false, failure_ratio: null}}", {}),
    ("ML103", "defaults: {breaker: {slow_call_duration: 14s}}", {}),
    ("ML103", "defaults: {timeout: null, breaker: {slow_call_duration: 14s}}", {}),
    ("ML104", "defaults: {timeout: 60s}", {}),
    ("ML104", "defaults: {breaker: {probe_lease: 15s}}", {}),
    ("ML111", "defaults: {outlier: {enabled: false, max_ejection_ratio: 0}}", {}),
    ("ML111", "services: {a: [http://a]}", {}),
    ("ML111", f"services: {{a: {{endpoints: {A}, outlier: {{min_healthy: 1}}}}}}", {}),
    ("ML112", f"services: {{a: {{endpoints: {A}}}}}", {}),
    ("ML112", f"services: {{a: {{endpoints: {SIX}, outlier: {{minimum_hosts: 5}}}}}}", {}),
    (
        "ML112",
        f"services: {{a: {{endpoints: {A}, outlier: {{enabled: false, minimum_hosts: 2}}}}}}",
        {},
    ),
    ("ML113", f"services: {{a: {SIX}}}", {"rates": {"a": 60}}),
    ("ML113", f"services: {{a: {A}}}", {"rates": {"a": 1}}),
    ("ML114", "defaults: {outlier: {max_ejection_ratio: 1}, panic: false}", {}),
    ("ML114", "defaults: {outlier: {max_ejection_ratio: 0.6}, panic: {threshold: 0.4}}", {}),
    ("ML201", "services: {a: {routes: [{match: {path: /x}}, {name: all}]}}", {}),
    (
        "ML202",
        "services: {a: {routes: [{split: [{name: c, weight: 0}, {name: s}], canary: true}]}}",
        {},
    ),
    (
        "ML202",
        (
            "services: {a: {routes: [{split: [{name: c, weight: 0}, {name: s}],"
            " variants: {c: {headers: {x: '1'}}}}]}}"
        ),
        {},
    ),
    ("ML203", "discovery: env\nservices: {a: {routes: [{service: x}]}}", {}),
    ("ML203", "services: {b: {aliases: [x]}, a: {routes: [{service: x}, {service: B}]}}", {}),
    ("ML204", "services: {a: {discovery: env, routes: [{subset: {v: '2'}}]}}", {}),
    ("ML204", "discovery: env\nservices: {a: {routes: [{service: x, subset: {v: '2'}}]}}", {}),
    ("ML301", "services: {a: [{url: 'http://a', priority: 1}, {url: 'http://b'}]}", {}),
    ("ML302", "defaults: {health_check: {tcp: true, timeout: 4s}}", {}),
    ("ML303", "faults: [{name: x, abort: {status: 503}}]\nenvironments: {prod: {}}", {}),
    (
        "ML303",
        "faults: [{name: x, abort: {status: 503, percentage: 0}}]\nenvironments: {prod: {}}",
        {"environ": {"MESHLIB_ENV": "prod"}},
    ),
    (
        "ML303",
        "faults: [{name: x, abort: {status: 503}}]\nenvironments: {staging: {}}",
        {"environ": {"MESHLIB_ENV": "staging"}},
    ),
    (
        "ML303",
        (
            "faults: [{name: x, abort: {status: 503}}]\nenvironments: {prod: {}}\n"
            "fault_control: {environments: [staging]}"
        ),
        {"environ": {"MESHLIB_ENV": "prod"}},
    ),
    ("ML304", "faults: [{name: x, enabled: false, quota: {requests: 1, window: 1}}]", {}),
    (
        "ML304",
        "faults: [{name: x, abort: {status: 503}}]\nfault_control: {environments: []}",
        {},
    ),
    ("ML305", "faults: [{name: x, enabled: false, delay: {header: true}}]", {}),
    (
        "ML305",
        "faults: [{name: x, delay: {header: true}}]\nfault_control: {environments: [ci]}",
        {},
    ),
    ("ML306", "fault_control: {environments: [staging]}", {}),
    ("ML306", "fault_control: {environments: [prod], kill_file: /run/off}", {}),
    ("ML306", "fault_control: {environments: [prod], kill_signal: SIGUSR2}", {}),
    ("ML401", "inbound: {authorization: {rules: [{name: a}]}}", {}),
    (
        "ML401",
        "outbound: {authorization: {rules: [{name: a, path: /x}, {name: b, path: /y}]}}",
        {},
    ),
]


@pytest.mark.parametrize(("rule", "text", "options"), SILENT)
def test_rule_is_silent(rule: str, text: str, options: dict[str, Any], tmp_path: Path) -> None:
    """What does as it says is left alone, and so is what nobody can know."""
    path = tmp_path / "mesh.yaml"
    path.write_text(text)
    options.setdefault("environ", {})
    assert [each for each in lint(path, **options) if each.rule == rule] == []


def test_every_rule_has_something_to_be_silent_about() -> None:
    """And has a name of its own, and a title that the table of rules shows."""
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)
    assert sorted(names) == names
    assert set(names) == {rule for rule, _, _ in SILENT}
    assert all(re.fullmatch(r"ML\d{3}", name) for name in names)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"services": {"a": ["http://a"], "b": ["http://b", "http://c"], "c": {"discovery": "env"}}},
        {"defaults": {"hedge": True, "timeout": "1s"}},
    ],
)
def test_defaults_have_no_findings(document: Any) -> None:
    """What nobody changed is not complained of, whatever the rate of calls."""
    assert lint(document, rates={"a": 100.0, "b": 100.0, "c": 100.0}, environ={}) == ()


def test_documents_of_the_pages_have_no_findings(tmp_path: Path) -> None:
    """What readers copy is not complained of, unless the page is about that."""
    count = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if page.name == "validate-and-lint.md":
            continue
        found = list(blocks(page.read_text(encoding="utf-8")))
        for block in found:
            if block.title:  # a document may name another one of its page
                beside = tmp_path / block.title
                beside.parent.mkdir(parents=True, exist_ok=True)
                beside.write_text(block.text, encoding="utf-8")
        for block in found:
            name = Path(block.title)
            if name.name.startswith("mesh") and name.suffix in (".yaml", ".json", ".toml"):
                path = tmp_path / name.name
                path.write_text(block.text, encoding="utf-8")
                assert lint(path) == (), f"{page}:{block.line}"
                count += 1
    assert count > 20


def test_strategy_of_tenacity_is_not_guessed_at() -> None:
    """How long it waits is its own affair."""
    from tenacity import wait_fixed

    def config(**retry: Any) -> MeshConfig:
        return load_config({"defaults": {"timeout": 3, "attempt_timeout": 1, "retry": retry}})

    assert {"ML001"} == {each.rule for each in lint(config(backoff={"initial": 1}))}
    assert lint(config(wait=wait_fixed(5))) == ()


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ({"kind": "constant", "initial": 1}, "3 s"),
        ({"kind": "linear", "initial": 1, "max": 9}, "6 s"),
        ({"kind": "linear", "initial": 1, "increment": 2, "max": 9}, "9 s"),
        ({"kind": "fibonacci", "initial": 1, "max": 9}, "4 s"),
        ({"kind": "exponential", "initial": 1, "max": 9}, "7 s"),
        ({"kind": "exponential", "initial": 1, "max": 1.5}, "4 s"),
    ],
)
def test_back_offs_are_added_up(kind: Any, seconds: str) -> None:
    """As the longest that each kind waits: 1, 1, 2 of Fibonacci's, and so on."""
    retry = {"max_attempts": 4, "backoff": kind}
    (finding,) = lint({"defaults": {"timeout": 3, "attempt_timeout": 1, "retry": retry}})

    assert f"4 attempts of 1 s and back-offs of {seconds} take" in finding.message
