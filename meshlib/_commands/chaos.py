"""
`python -m meshlib chaos`: scenarios against an application, and what they have shown.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._chaos_arguments import LOCATION, add_parameters, add_target, parameters_of

if TYPE_CHECKING:
    from ..chaos import ChaosReport
    from ..chaos.chaostoolkit import ExperimentReport
    from ..config import DocumentStore

PASS, FAIL, UNUSABLE, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130

_EXIT_CODES = """\
exit codes:
  0    pass: faults fired, calls were as good as they had to be, and are again as before
  1    fail: they were not, or are not
  2    the arguments, a scenario or a document are wrong
  3    inconclusive: no fault fired, no steady state before, too few calls, or the store
       of the document is away
  130  interrupted; the faults were taken out
"""
_SCENARIO = "a name that `list` tells, or a file"


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "chaos",
        help="run scenarios of failure, and judge what they show",
        description="Injects the faults of a scenario while calls are made, takes them out"
        " again whatever happens, and says whether the calls were good meanwhile and after.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:
        made = actions.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=_EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=lambda chosen: _guarded(run, chosen))
        return made

    listed = action("list", _list, "tell the scenarios that there are")
    listed.add_argument("--json", action="store_true", help="with their parameters, as JSON")
    show = action("show", _show, "write a scenario to stdout, to be changed or read")
    show.add_argument("scenario", metavar="SCENARIO", help=_SCENARIO)
    show.add_argument("--rules", action="store_true", help="the fault rules that it becomes")
    add_parameters(show)
    run = action("run", _run, "run a scenario, or an experiment of Chaos Toolkit")
    run.add_argument("scenario", metavar="SCENARIO", help=f"{_SCENARIO}; also an experiment")
    add_parameters(run)
    add_target(run)
    run.add_argument("--trust", action="store_true", help="that faults fired which others inject")
    run.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    stop = action("stop", _stop, "take out of a document what runs have left there")
    stop.add_argument("document", metavar="LOCATION", help=LOCATION)
    stop.add_argument("--run", metavar="NAME", dest="name", help="only what this run left")
    stop.add_argument("--unchecked", action="store_true", help="do not check the document")
    export = action("export", _export, "write a scenario as an experiment of Chaos Toolkit")
    export.add_argument("scenario", metavar="SCENARIO", help=_SCENARIO)
    add_parameters(export)
    add_target(export)


def _guarded(run: Callable[[argparse.Namespace], int], chosen: argparse.Namespace) -> int:
    from .._exceptions import ConfigurationError, StoreError

    try:
        with _sigterm():
            return run(chosen)
    except ConfigurationError as exc:
        return _failed(exc, UNUSABLE)
    except StoreError as exc:
        return _failed(exc, INCONCLUSIVE)
    except TimeoutError:
        return _failed("the store of the document did not answer", INCONCLUSIVE)
    except KeyboardInterrupt:
        return _failed("interrupted; the faults were taken out", INTERRUPTED)


@contextmanager
def _sigterm() -> Iterator[None]:
    """Have SIGTERM end a run as Ctrl-C does, so that it takes its faults out."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread, where no signal arrives
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(chosen: argparse.Namespace) -> int:
    from ..chaos import load_scenario, scenario_names

    scenarios = [load_scenario(name) for name in scenario_names()]
    if chosen.json:
        _dump(
            [
                {
                    "name": one.name,
                    "description": one.description,
                    "parameters": {
                        name: options.model_dump() for name, options in one.parameters.items()
                    },
                }
                for one in scenarios
            ]
        )
    for one in scenarios if not chosen.json else ():
        print(f"{one.name:<20}{one.description}")
    return PASS


def _show(chosen: argparse.Namespace) -> int:
    import yaml

    from ..chaos import load_scenario, rules_of, scenario_names, scenario_text

    scenario = load_scenario(chosen.scenario)
    if chosen.rules:
        rules = rules_of(scenario.plan(parameters_of(chosen)), scenario.name, seed=chosen.seed)
        said = [
            rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in rules
        ]
        print(yaml.safe_dump({"faults": said}, sort_keys=False), end="")
    elif chosen.scenario in scenario_names():
        print(scenario_text(chosen.scenario), end="")
    else:
        print(yaml.safe_dump(dict(scenario.document), sort_keys=False), end="")
    return PASS


def _run(chosen: argparse.Namespace) -> int:
    from .. import MeshClient
    from ..chaos import hold, load_scenario, run
    from ..chaos.chaostoolkit import is_experiment, run_experiment

    if is_experiment(chosen.scenario):
        return _told(run_experiment(chosen.scenario), chosen.json)
    scenario, parameters = load_scenario(chosen.scenario), parameters_of(chosen)
    document = None if chosen.document is None else _store(chosen)
    if chosen.url is None and document is not None:
        return _told(hold(scenario, document, parameters=parameters, seed=chosen.seed), chosen.json)
    if chosen.url is None:
        return _failed("--url is needed, or --document", UNUSABLE)
    with MeshClient(config=chosen.config) as client:
        if chosen.config is not None and chosen.config == chosen.document:
            client.mesh.watch()
        report = run(
            client,
            scenario,
            load=lambda: client.request(chosen.method, chosen.url),
            parameters=parameters,
            rate=chosen.rps,
            concurrency=chosen.concurrency,
            before=chosen.before,
            recovery=chosen.recovery,
            seed=chosen.seed,
            document=document,
            trust=chosen.trust,
        )
    return _told(report, chosen.json)


def _stop(chosen: argparse.Namespace) -> int:
    from ..chaos import take_out

    removed = take_out(_store(chosen), chosen.name)
    for name in removed:
        print(f"{chosen.document}: took out {name}")
    if not removed:
        print(f"{chosen.document}: no run has left anything")
    return PASS


def _export(chosen: argparse.Namespace) -> int:
    from ..chaos import load_scenario
    from ..chaos.chaostoolkit import export_experiment

    if chosen.url is None:
        return _failed("--url is needed", UNUSABLE)
    parameters = parameters_of(chosen)
    _dump(
        export_experiment(
            load_scenario(chosen.scenario),
            url=chosen.url,
            method=chosen.method,
            config=chosen.config,
            document=chosen.document,
            parameters=parameters,
            rate=chosen.rps,
            concurrency=chosen.concurrency,
            seed=chosen.seed,
        )
    )
    return PASS


def _store(chosen: argparse.Namespace) -> DocumentStore:
    from ..config import DocumentStore
    from ..config.store import store_at

    unchecked = (lambda _: None) if chosen.unchecked else None
    return DocumentStore(store_at(chosen.document), check=unchecked)


def _told(report: ChaosReport | ExperimentReport, as_json: bool) -> int:
    if as_json:
        _dump(report.as_json())
    else:
        print(report)
    return {"pass": PASS, "fail": FAIL}.get(str(report.verdict), INCONCLUSIVE)


def _dump(what: Any) -> None:
    json.dump(what, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _failed(problem: object, code: int) -> int:
    sys.stderr.write(f"meshlib chaos: {problem}\n")
    return code
