"""`@pytest.mark.mesh_explore` in runs of pytest of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SHOP = """
import pytest
from meshlib import MeshClient

def buy():
    mesh = MeshClient()
    try:
        mesh.post("payments", "/charge").raise_for_status()
    except OSError:
        pass
    except Exception as exc:
        return type(exc).__name__
    return "bought"
"""
SYNC = """
@pytest.mark.mesh(name="shop", cluster={"payments": 200})
@pytest.mark.mesh_explore(faults=["503", "refused"])
def test_buys():
    assert buy() in ("bought", "HTTPStatusError")
"""
QUIET = ("-p", "no:cloudcoil", "-p", "no:asyncio")


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """pytest in this process, with what is in the directory."""
    return pytester.runpytest_inprocess(*QUIET, "-p", "no:cacheprovider", *args)


def test_each_run_has_an_id_of_its_own(pytester: pytest.Pytester) -> None:
    """And the test as a whole fails when one of them does."""
    pytester.makepyfile(SHOP + SYNC)
    result = run(pytester, "-v")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*::test_buys[[]explore-1: payments POST /charge -> 503[]] PASSED*50%*",
            "*::test_buys[[]explore-2: payments POST /charge -> refused[]] FAILED*",
            "*::test_buys FAILED*100%*",
            "call site: payments POST /charge from shop, at *.py:*",
            "fault:     refused",
            "failure:   AssertionError: *",
            "replay:    pytest --mesh-replay=mesh-failures*",
            "1 of 3 runs failed, each reported by itself:",
            "shop -> payments  2/2",
            "2 of 2 pairs of edge and fault: 100 %",
            "3 runs, 0 known without running, 3 in the full product",
        ]
    )


def test_a_failing_case_replays_alone(pytester: pytest.Pytester) -> None:
    """From its file and nothing else; it passes once the code is right."""
    path = pytester.makepyfile(SHOP + SYNC + "\ndef test_other(): assert False\n")
    run(pytester, "-k", "buys")
    (file,) = Path(pytester.path, "mesh-failures").glob("*.json")
    result = run(pytester, f"--mesh-replay={file}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["call site: payments POST /charge*", "fault:     refused"])
    path.write_text(path.read_text().replace("return type(exc)", "return 'bought' or type(exc)"))
    run(pytester, f"--mesh-replay={file}").assert_outcomes(passed=1)
    assert "refused" in json.loads(file.read_text())["case"]


def test_a_case_that_cannot_happen_any_more_is_inconclusive(pytester: pytest.Pytester) -> None:
    """A replay whose fault does not fire proves nothing, and fails."""
    path = pytester.makepyfile(SHOP + SYNC)
    run(pytester)
    (file,) = Path(pytester.path, "mesh-failures").glob("*.json")
    path.write_text(path.read_text().replace("/charge", "/pay"))
    result = run(pytester, f"--mesh-replay={file}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["inconclusive: payments POST /charge -> refused did not fire*"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{}", "*--mesh-replay: *no replay file*"),
        (None, "*--mesh-replay: *No such file*"),
    ],
)
def test_a_bad_replay_file_is_an_error(
    pytester: pytest.Pytester, content: str | None, expected: str
) -> None:
    """Of usage: nothing is run."""
    if content is not None:
        Path(pytester.path, "case.json").write_text(content)
    result = pytester.runpytest_subprocess(*QUIET, "--mesh-replay=case.json")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines([expected])


def test_fixtures_are_made_anew_and_parameters_kept(pytester: pytest.Pytester) -> None:
    """Of the function for each run; of the module once."""
    pytester.makepyfile(
        SHOP
        + """
made = []

@pytest.fixture(scope="module")
def once():
    made.append("module")
    yield
    made.append("module down")

@pytest.fixture
def each():
    made.append("function")
    yield
    made.append("function down")

@pytest.mark.mesh(name="shop", cluster={"payments": 200})
@pytest.mark.mesh_explore(faults=503)
@pytest.mark.parametrize("number", [1, 2])
def test_buys(once, each, number):
    assert number and buy()

def test_last():
    assert made == ["module", *["function", "function down"] * 4]
"""
    )
    result = run(pytester, "-v")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        ["*::test_buys[[]2[]][[]explore-1: payments POST /charge -> 503[]]*"]
    )


ASYNC = """
import pytest
from meshlib import AsyncMeshClient

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.{marker}
@pytest.mark.mesh(name="shop", cluster={{"users": 200}})
@pytest.mark.mesh_explore(faults=["slow", "response_lost"])
async def test_asks():
    async with AsyncMeshClient() as mesh:
        try:
            await mesh.get("users", "/1")
        except Exception:
            pass
"""


def test_async_tests_of_anyio(pytester: pytest.Pytester) -> None:
    """Three runs and the one of the first attempt alone, in no time."""
    pytester.makepyfile(ASYNC.format(marker="anyio"))
    result = run(pytester, "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*explore-3: users GET /{id} -> response_lost once*"])


def test_async_tests_of_pytest_asyncio(pytester: pytest.Pytester) -> None:
    """Its items are of another class."""
    pytest.importorskip("pytest_asyncio")
    pytester.makepyfile(ASYNC.format(marker="asyncio"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    result = pytester.runpytest_subprocess("-p", "no:cloudcoil", "-p", "no:anyio")
    result.assert_outcomes(passed=4)


def test_under_xdist(pytester: pytest.Pytester) -> None:
    """Workers report each run, and their controller adds up."""
    pytest.importorskip("xdist")
    pytester.makepyfile(SHOP + SYNC)
    result = pytester.runpytest_subprocess(*QUIET, "-n1", "-v", "--mesh-coverage-fail-under=100")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*FAILED*explore-2: payments POST /charge -> refused*", "shop -> payments  2/2"]
    )


def test_last_failed_selects_the_test(pytester: pytest.Pytester) -> None:
    """Runs are not tests that could be collected; the one they belong to is."""
    pytester.makepyfile(SHOP + SYNC + "\ndef test_other(): pass\n")
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=2, failed=2)
    again = pytester.runpytest_inprocess(*QUIET, "--lf")
    again.assert_outcomes(passed=1, failed=2)
    again.stdout.fnmatch_lines(["*rerun previous 1 failure"])


def test_exploring_ends_where_pytest_stops(pytester: pytest.Pytester) -> None:
    """With -x, at the first run that fails."""
    pytester.makepyfile(SHOP + SYNC.replace('"503", ', '"refused", "503", '))
    result = run(pytester, "-x")
    result.stdout.fnmatch_lines(["2 runs, *"])


def test_coverage_below_the_threshold_fails(pytester: pytest.Pytester) -> None:
    """Edges that no explored test reaches count too, and the report is written."""
    pytester.makepyfile(
        SHOP
        + """
@pytest.mark.mesh(name="shop", cluster={"payments": 200})
def test_buys():
    assert "bought" == buy()
"""
    )
    options = "--mesh-coverage-fail-under=90", "--mesh-coverage-json=out.json"
    result = run(pytester, *options)
    result.assert_outcomes(passed=1)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    result.stdout.fnmatch_lines(["FAIL: resilience coverage 0.00 % is below 90 %"])
    report = json.loads(Path(pytester.path, "out.json").read_text())
    assert 8 == report["pairs"]
    assert ["shop -> payments"] == list(report["edges"])


def test_a_test_that_fails_by_itself_is_not_explored(pytester: pytest.Pytester) -> None:
    """It fails once, as without the marker."""
    pytester.makepyfile(SHOP + SYNC.replace("in (", "not in ("))
    run(pytester).assert_outcomes(failed=1)


def test_what_the_marker_does_not_take_is_refused(pytester: pytest.Pytester) -> None:
    """A misspelt fault would explore nothing."""
    pytester.makepyfile(SHOP + SYNC.replace('"refused"', '"refusd"'))
    result = pytester.runpytest_subprocess(*QUIET)
    result.stderr.fnmatch_lines(["*mesh_explore: no fault is called 'refusd'*"])


def test_edges_can_be_skipped_and_runs_limited(pytester: pytest.Pytester) -> None:
    """What is left out is said."""
    pytester.makepyfile(
        SHOP + SYNC.replace('"refused"]', '"500", "429"], max_runs=2, skip="nobody"')
    )
    result = run(pytester)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_buys: max_runs left 2 runs undone"])
    pytester.makepyfile(SHOP + SYNC.replace('"refused"]', '"refused"], skip="payments"'))
    result = run(pytester, "--mesh-coverage-json=out.json")
    result.stdout.fnmatch_lines(["*reached nothing that could be broken"])
