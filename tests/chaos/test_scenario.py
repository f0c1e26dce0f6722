"""What a scenario may say, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.chaos import Scenario, load_scenario, rules_of, scenario_names, scenario_text
from meshlib.faults import FaultRule
from support.source import ROOT

ISSUE = {
    "brownout", "certificate-expiry", "cold-start", "database-overload", "dns-flap",
    "gray-failure", "lost-response", "network-partition", "rate-limited", "retry-storm",
    "slow-body",
}  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    """A scenario, with *changes*."""
    fault = {"name": "bad", "abort": {"percentage": "${share}", "status": 503}}
    return {
        "name": "own",
        "description": "Of one's own.",
        "parameters": {"share": {"type": "percentage", "default": 10}},
        "method": [{"faults": [fault]}],
        **changes,
    }


def test_all_are_there() -> None:
    """Each scenario that is promised."""
    assert ISSUE == set(scenario_names())


@pytest.mark.parametrize("name", scenario_names())
def test_each_is_valid_and_documented(name: str) -> None:
    """With its defaults, under its name; each parameter says what it is."""
    scenario = load_scenario(name)
    assert name == scenario.name
    assert all(one.description.endswith(".") for one in scenario.parameters.values())
    rules = rules_of(scenario.plan(), "x")
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        said = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        assert rule == FaultRule.model_validate(said)


def test_the_page_tells_all() -> None:
    """The table of the guide has each scenario with its description, and no other."""
    page = (ROOT / "docs/how-to/run-chaos-scenarios.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    wanted = []
    for name in scenario_names():
        one = load_scenario(name)
        own = [f"`{p}`" for p in one.parameters if p not in ("service", "duration", "success_rate")]
        wanted.append(f"| `{name}` | {one.description} | {', '.join(own)} |")
    assert wanted == rows


def test_parameters_are_filled_in() -> None:
    """A text that is a reference alone becomes a value of its type, also from a command line."""
    scenario = Scenario(document())
    (rule,) = rules_of(scenario.plan({"share": "25"}), "x")
    assert rule.abort is not None
    assert 25.0 == rule.abort.percentage


def test_what_is_null_was_not_said() -> None:
    """A parameter without a value leaves its key out."""
    named = {"name": "${word} fault", "match": {"service": "${service}"}, "abort": {"status": 500}}
    parameters = {"service": {"type": "text"}, "word": {"type": "text", "default": "one"}}
    scenario = Scenario(document(parameters=parameters, method=[{"faults": [named]}]))
    (rule,) = rules_of(scenario.plan(), "x")
    assert ("chaos/x/one fault", None) == (rule.name, rule.match.service)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methd": []}, "unknown key 'methd'; did you mean 'method'"),
        ({"name": "No Name"}, "name: "),
        ({"method": []}, "method: "),
        ({"method": [{"faults": []}]}, r"method\[0\].faults: "),
        ({"method": [{"at": "20s", "faults": [{"name": "a", "abort": {"status": 500}}]}]},
         r"method\[0\].at: begins when the method is over"),
        ({"method": [{"every": 1, "faults": [{"name": "a", "abort": {"status": 500}}]}]},
         r"method\[0\].every: needs a `for` that is shorter"),
        ({"method": [{"faults": [{"name": "a", "abort": {"status": 500}}] * 2}]},
         r"method\[0\].faults\[1\].name: there are two faults 'a'"),
        ({"method": [{"faults": [{"name": "${shar}", "abort": {"status": 500}}]}]},
         r"method\[0\].faults\[0\].name: there is no parameter 'shar'; did you mean 'share'"),
        ({"parameters": []}, "there is no parameter 'share'; there are none"),
        ({"parameters": 7}, "parameters: settings are needed"),
        ({"parameters": {"share": {"type": "percent"}}}, "parameters.share.type: 'percent'"),
        ({"parameters": {"share": {"type": "percentage", "default": 120}}},
         "parameters.share.default: a percentage is needed"),
    ],
)  # fmt: skip
def test_mistakes_name_their_place(changes: dict[str, Any], message: str) -> None:
    """An error says where it is, and what may have been meant."""
    with pytest.raises(ConfigurationError, match=message):
        Scenario(document(**changes))


def test_unknown_parameters_and_values() -> None:
    """What a run chooses is checked against what the scenario declares."""
    scenario = load_scenario("brownout")
    with pytest.raises(ConfigurationError, match="did you mean 'percentage'"):
        scenario.plan({"percentag": 3})
    with pytest.raises(ConfigurationError, match=r"parameters.delay: a duration is needed: '3'"):
        scenario.plan({"delay": "3"})
    with pytest.raises(ConfigurationError, match=r"parameters.status: a status is needed"):
        scenario.plan({"status": 99})


def test_a_file_is_named(tmp_path: Path) -> None:
    """A scenario out of a file tells its mistakes with the name of the file."""
    file = tmp_path / "own.yaml"
    file.write_text(scenario_text("brownout").replace("fixed:", "fixd:"))
    with pytest.raises(ConfigurationError, match=r"own\.yaml: method\[0\].*fixd"):
        load_scenario(file)
    file.write_text(scenario_text("brownout"))
    assert "brownout" == load_scenario(file).name
    with pytest.raises(ConfigurationError, match="did you mean 'brownout'"):
        load_scenario("brownuot")


def test_steps_come_again() -> None:
    """A step with `every` is there again and again, and is cut off where the method ends."""
    plan = load_scenario("dns-flap").plan({"down": "2s", "period": "4s", "duration": "9s"})
    rules = rules_of(plan, "x", seed=7)
    assert [(0, 2), (4, 2), (8, 1)] == [(rule.start_after, rule.duration) for rule in rules]
    assert ["chaos/x/unresolved", "chaos/x/unresolved.2", "chaos/x/unresolved.3"] == [
        rule.name for rule in rules
    ]
    assert [7, 8, 9] == [rule.seed for rule in rules]
