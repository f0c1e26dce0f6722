"""Each rule finds what it is there for, on its line, and is silent just beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib.config import Finding, lint
from meshlib.config.linting import RULES

A = '["http://a", "http://b"]'
SIX = '["http://a", "http://b", "http://c", "http://d", "http://e", "http://f"]'


def found(text: str, tmp_path: Path, **options: Any) -> list[Finding]:
    """What is found in a document *text*."""
    path = tmp_path / "mesh.yaml"
    path.write_text(text)
    options.setdefault("environ", {})
    return list(lint(path, **options))


FOUND: list[tuple[str, str, dict[str, Any]]] = [
    # Marked is the line; what follows the rule is a part of the message or the remedy.
    (
        "ML001",
        "services:\n  a:\n    timeout: 5s\n    attempt_timeout: 2s  #! only 2 can take\n",
        {},
    ),
    (
        "ML001",
        "defaults: {attempt_timeout: 2s}\nservices:\n  a: {timeout: 4s}  #! only 1 can take\n",
        {},
    ),
    (
        "ML001",
        (
            "defaults:\n  timeout: 1s\n  attempt_timeout: 400ms  #! 3 attempts of 400 ms and\n"
            "  retry: {backoff: {initial: 100ms}}\nservices: {a: {}, b: {}}\n"
        ),
        {},
    ),
    (
        "ML001",
        (
            "defaults:\n  timeout: 3s\n  attempt_timeout: 1s\n  retry: {backoff: {initial: 0}}\n"
            "services:\n  a:\n    routes:\n"
            "      - {timeout: 3s, attempt_timeout: 1.5s} #! take up to 4.5 s\n"
        ),
        {},
    ),
    ("ML002", "defaults:\n  attempt_timeout: 15s  #! 15 s is not below the timeout 15 s\n", {}),
    (
        "ML002",
        "services:\n  a:\n    attempt_timeout: 5s\n    routes:\n    - timeout: 1s  #! 1 s\n",
        {},
    ),
    ("ML003", "defaults:\n  timeout: 1s\n  retry: {backoff: {initial: 1s}}  #! seldom\n", {}),
    (
        "ML003",
        (
            "defaults:\n  timeout: 1s\n  retry:\n    backoff:\n      jitter: equal\n"
            "      initial: 2s  #! never\n      max: 2s\n"
        ),
        {},
    ),
    ("ML004", "services:\n  a:\n    idempotent: true  #! PATCH and POST\n", {}),
    ("ML004", "services:\n  a:\n    retry: {methods: [GET, POST]}  #! POST is sent again\n", {}),
    (
        "ML004",
        (
            "services:\n  a:\n    routes:\n      - match: {method: [POST, GET]}\n"
            "        idempotent: true  #! has POST sent again\n"
        ),
        {},
    ),
    ("ML004", "services:\n  a:\n    routes:\n      - idempotent: true  #! PATCH and POST\n", {}),
    (
        "ML004",
        "services:\n  a:\n    hedge: true\n    retry: false\n    idempotent: true  #! POST\n",
        {},
    ),
    ("ML005", "defaults:\n  retry: {budget: {ratio: 1}}  #! 27 attempts\n", {}),
    ("ML005", "defaults:\n  retry: {budget: {ratio: 1}}  #! ratio: 0.25\n", {}),
    (
        "ML005",
        (
            "defaults:\n  retry: {max_attempts: 2}\nservices:\n  a:\n"
            "    retry:\n      budget:\n        ratio: 0.2  #! grow 2.49 times\n"
        ),
        {"hops": 5},
    ),
    (
        "ML005",
        (
            "services:\n  a:\n    routes:\n      - retry:\n          budget:\n"
            "            ratio: 1  #! grow 8 times\n"
        ),
        {},
    ),
    (
        "ML006",
        (
            "defaults:\n  retry:\n    budget:\n      ratio: 0  #! pays for no retry\n"
            "      min_per_second: 0\n"
        ),
        {},
    ),
    ("ML007", "defaults:\n  timeout: 2s\n  hedge: {delay: 2s}  #! timeout ends the attempt\n", {}),
    (
        "ML007",
        "defaults:\n  attempt_timeout: 1s\n  hedge:\n    delay: 1.5s  #! attempt_timeout ends\n",
        {},
    ),
    ("ML007", "defaults:\n  timeout: 1s\n  hedge: {min_delay: 1s}  #! after 1 s\n", {}),
    ("ML008", "defaults:\n  retry: false\n  hedge: true  #! max_attempts: 2\n", {}),
    ("ML009", "defaults:\n  hedge: {max_hedges: 3}  #! only 2 can be hedges\n", {}),
    ("ML010", "services:\n  a:\n    endpoints: [http://a]\n    hedge: true  #! one endpoint\n", {}),
    ("ML011", "defaults:\n  timeout: 2s\n  bulkhead: {max_wait: 2s}  #! may wait 2 s\n", {}),
    ("ML012", "defaults:\n  timeout: null\nservices:\n  a: {}\n# services of no end\n", {}),
    (
        "ML101",
        f"services:\n  a:  #! each of 2 endpoints sees 19.5 outcomes\n    endpoints: {A}\n",
        {"rates": {"a": 3.9}},
    ),
    (
        "ML101",
        (
            "services:\n  a:\n    endpoints: [http://a]\n    breaker:\n"
            "      consecutive_failures: null\n"
            "      sampling_duration: 5s  #! nothing can open it\n"
        ),
        {"rates": {"a": 3.9}},
    ),
    ("ML101", "services:\n  a: {discovery: env}  #! gets all of them\n", {"rates": {"a": 0.1}}),
    (
        "ML102",
        "defaults:\n  breaker:\n    consecutive_failures: null\n    failure_ratio: null\n",
        {},
    ),
    (
        "ML103",
        "defaults:\n  attempt_timeout: 1s\n  breaker:\n    slow_call_duration: 1s  #! after 1 s\n",
        {},
    ),
    ("ML104", "defaults:\n  breaker: {probe_lease: 10s}  #! may take 15 s\n", {}),
    ("ML111", "defaults:\n  outlier: {max_ejection_ratio: 0}  #! is 0\n", {}),
    (
        "ML111",
        (
            f"services:\n  a:\n    endpoints: {A}\n"
            f"    outlier: {{min_healthy: 2}}  #! min_healthy: 1\n"
        ),
        {},
    ),
    (
        "ML112",
        (
            f"services:\n  a:\n    endpoints: {A}\n    outlier:\n"
            "      minimum_hosts: 2  #! at most 1 standard deviations\n"
        ),
        {},
    ),
    (
        "ML112",
        (
            f"services:\n  a:\n    endpoints: {A}\n    outlier:\n"
            "      success_rate_factor: 0.9  #! minimum_hosts is 5\n"
        ),
        {},
    ),
    (
        "ML112",
        (
            f"services:\n  a:\n    endpoints: {A}\n    outlier:\n"
            "      request_volume: 10  #! with success_rate_factor: 0.9\n"
        ),
        {},
    ),
    (
        "ML113",
        f"services:\n  a:\n    endpoints: {SIX}\n    outlier: {{interval: 5s}}  #! gets 83.3\n",
        {"rates": {"a": 100}},
    ),
    (
        "ML114",
        "defaults:\n  outlier: {max_ejection_ratio: 0.6}  #! leaves 40%\n",
        {},
    ),
    (
        "ML201",
        "services:\n  a:\n    routes:\n      - name: all\n      - name: x  #! move it above 'all'\n"
        "        match: /x\n".replace("match: /x", "match: {path: /x}"),
        {},
    ),
    (
        "ML201",
        "services:\n  a:\n    routes:\n      - match: {percentage: 0}  #! raise the percentage\n",
        {},
    ),
    (
        "ML202",
        (
            "services:\n  a:\n    routes:\n      - split:\n          - {subset: {v: '1'}}\n"
            "          - subset: {v: '2'}\n            weight: 0  #! weight of '2' is 0\n"
        ),
        {},
    ),
    (
        "ML203",
        (
            "services:\n  orders: [http://a]\n  a:\n    routes:\n"
            "      - service: order  #! did you mean 'orders'?\n"
        ),
        {},
    ),
    (
        "ML203",
        "services:\n  a:\n    routes:\n      - mirror: {service: x}  #! declare it\n",
        {},
    ),
    (
        "ML204",
        (
            "services:\n  a:\n    endpoints: [{url: 'http://a', metadata: {v: '1'}}]\n    routes:\n"
            "      - subset: {v: '2'}  #! endpoints have v: 1\n"
        ),
        {},
    ),
    (
        "ML204",
        (
            "services:\n  b: [http://b]\n  a:\n    routes:\n      - split:\n"
            "          - service: B\n"
            "            subset: {v: '2'}  #! give endpoints the metadata 'v'\n"
        ),
        {},
    ),
    (
        "ML204",
        (
            "services:\n  a:\n    endpoints:\n"
            "      - {url: 'http://a', metadata: {v: '1', w: '1'}}\n"
            "      - {url: 'http://b', metadata: {v: '2', w: '2'}}\n    routes:\n"
            "      - subset: {v: '2', w: '1'}  #! no endpoint has all of them\n"
        ),
        {},
    ),
    (
        "ML204",
        (
            "services:\n  a:\n    endpoints: [http://a]\n    routes:\n      - split:\n"
            "          - subset: {v: '2'}  #! go to any endpoint\n"
            "            subset_fallback: any\n"
        ),
        {},
    ),
    (
        "ML204",
        (
            "services:\n  a:\n    endpoints: [{url: 'http://a', metadata: {v: '1'}}]\n    routes:\n"
            "      - split:\n          - subset: {v: '2'}  #! go to default_subset\n"
            "            subset_fallback: default\n            default_subset: {v: '1'}\n"
        ),
        {},
    ),
    (
        "ML204",
        (
            "services:\n  a:\n    endpoints: [http://a]\n    routes:\n"
            "      - mirror: {subset: {v: '2'}}  #! give endpoints\n"
        ),
        {},
    ),
    (
        "ML301",
        "services:\n  a:\n    endpoints:\n      - {url: 'http://a', priority: 1}  #! priority 1\n",
        {},
    ),
    (
        "ML302",
        (
            "services:\n  a:\n    health_check:\n      tcp: true\n"
            "      timeout: 5s  #! after 5 s (interval)\n"
        ),
        {},
    ),
    (
        "ML302",
        (
            "services:\n  a:\n    health_check:\n      tcp: true\n"
            "      edge_interval: 1s  #! (edge_interval)\n"
        ),
        {},
    ),
    (
        "ML303",
        (
            "faults:\n  - name: one\n    enabled: false\n    abort: {status: 503}\n"
            "  - name: two  #! breaks 5 %\n    abort: {status: 503, percentage: 5}\n"
            "    delay: {fixed: 1, percentage: 1}\nenvironments: {prod: {}}\n"
        ),
        {"environ": {"MESHLIB_ENV": "prod"}},
    ),
    (
        "ML303",
        (
            "faults:\n  - name: one  #! breaks 10 %\n    percentage: 20\n"
            "    quota: {requests: 1, window: 1s}\n    delay: {fixed: 1, percentage: 50}\n"
            "environments: {prod: {}}\n"
        ),
        {"environ": {"MESHLIB_ENV": "prod"}},
    ),
    (
        "ML303",
        (
            "inbound:\n  faults:\n    - name: one  #! breaks 100 %\n      abort: {status: 503}\n"
            "environments: {prod: {}}\n"
        ),
        {"environ": {"MESHLIB_ENV": "prod"}},
    ),
    (
        "ML304",
        (
            "inbound:\n  faults:\n    - name: one  #! 1 fault rule acts wherever\n"
            "      abort: {status: 503}\n"
        ),
        {},
    ),
    (
        "ML305",
        (
            "inbound:\n  faults:\n    - name: one\n      abort:\n"
            "        header: true  #! the rule does nothing\n"
        ),
        {},
    ),
    (
        "ML304",
        "faults:\n  - name: one  #! 1 fault rule acts wherever\n    abort: {status: 503}\n",
        {},
    ),
    (
        "ML304",
        (
            "faults:\n  - {name: none, abort: {status: 503, percentage: 0}}\n"
            "  - name: one  #! 2 fault rules act wherever\n    quota: {requests: 1, window: 1s}\n"
            "  - {name: two, delay: {fixed: 1}}\n"
        ),
        {},
    ),
    (
        "ML305",
        (
            "faults:\n  - name: one\n    delay: {fixed: 1}\n    abort:\n"
            "      header: true  #! the rule does nothing\n"
        ),
        {},
    ),
    (
        "ML306",
        (
            "fault_control:\n"
            "  environments: [staging, production]  #! faults may run in 'production'\n"
        ),
        {},
    ),
    (
        "ML401",
        (
            "inbound:\n  authorization:\n    rules:\n      - {name: all, methods: GET}\n"
            "      - {name: more, methods: GET, path: /x}  #! 'more' never decides\n"
        ),
        {},
    ),
    (
        "ML401",
        (
            "outbound:\n  authorization:\n    default: allow\n    rules:\n"
            "      - {name: some, callers: a}  #! is allowed by default\n"
        ),
        {},
    ),
]


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("{timeout: null, retry: {max_attempts: 9}}", "ML001 routes[0].retry.max_attempts"),
        ("{retry: {max_attempts: 9}}", "ML005 routes[0].retry.max_attempts"),
        ("{retry: {budget: {ratio: 0.9}}}", "ML005 routes[0].retry.budget.ratio"),
        ("{retry: false}", "ML008 routes[0].retry.max_attempts"),
        ("{hedge: {delay: 2s}}", "ML007 routes[0].hedge.delay"),
    ],
)
def test_route_is_told_of_what_it_says_itself(route: str, path: str, tmp_path: Path) -> None:
    """And not of what it inherits: null inherits as well."""
    text = (
        "defaults: {timeout: 4s, attempt_timeout: 1s, retry: {budget: {ratio: 1}}}\n"
        f"services: {{a: {{hedge: true, routes: [{route}]}}}}\n"
    )
    told = [
        f"{each.rule} {each.path.removeprefix('services.a.')}" for each in found(text, tmp_path)
    ]

    assert path in told


@pytest.mark.parametrize(("rule", "text", "options"), FOUND)
def test_rule_finds(rule: str, text: str, options: dict[str, Any], tmp_path: Path) -> None:
    """On the line that says it, with its figures and a remedy; once, whoever inherits it."""
    mine = [finding for finding in found(text, tmp_path, **options) if finding.rule == rule]
    marked = [
        (number, line.partition("#! ")[2])
        for number, line in enumerate(text.splitlines(), 1)
        if "#! " in line
    ]
    assert len(mine) == 1, mine
    (finding,) = mine
    assert finding.remedy
    assert finding.path
    for number, part in marked:
        assert finding.location is not None
        assert number == finding.location.line
        assert part in str(finding)


def test_every_rule_finds_something() -> None:
    """A rule that never speaks is none."""
    assert {rule.name for rule in RULES} == {rule for rule, _, _ in FOUND}
