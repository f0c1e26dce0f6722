"""The fixtures in runs of their own, beside the plugins that people use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.subruns import run_pytest

CODE = """
    import anyio
    import httpx
    import pytest
    from meshlib import AsyncMeshClient, MeshClient
"""
IN_BOTH = (
    CODE
    + """
    @pytest.mark.mesh(cluster={"payments": 200})
    async def test_async(fault, mesh_time):
        await anyio.sleep(3600)
        found = fault("payments", status=503, times=2)
        async with AsyncMeshClient() as client:
            assert 200 == (await client.get("http://payments/")).status_code
        found.assert_fired(times=2)
        found.assert_absorbed_by("retry")
        assert 3600 <= mesh_time.elapsed < 3610

    def test_blocking(fault):
        found = fault("payments", error="refused")
        services = {"payments": ["http://127.0.0.1:1"]}
        with MeshClient("own", services=services) as client, pytest.raises(httpx.ConnectError):
            client.get("http://payments/")
        found.assert_not_absorbed()
"""
)


def test_a_fault_that_never_fires_fails_its_test(tmp_path: Path) -> None:
    """By default it fails, and says why; `warn` and `ignore` let it pass."""
    run = run_pytest(
        tmp_path,
        CODE
        + """
    @pytest.mark.mesh(cluster={"payments": 200, "users": 200})
    def test_error(fault):
        fault("payments", status=503)
        with MeshClient() as client:
            client.get("http://users/")

    @pytest.mark.mesh(unused="ignore")
    def test_ignore(fault):
        fault("payments", status=503)

    def test_warn(fault):
        fault("payments", status=503, unused="warn")

    def test_failing(fault):
        fault("payments", status=503)
        raise LookupError("the test's own")

    def test_nothing():
        pass
    """,
        "-W",
        "default::UserWarning",
    )
    assert (3, 2) == (run["passed"], run["failed"]), run.output
    assert 1 == run["warning"]
    assert "the fault 'payments 503' never fired" in run.output
    assert "no call to 'payments' was made; there were calls to users" in run.output
    assert "the test's own" in run.output


def test_a_failing_proof_tells_the_calls(tmp_path: Path) -> None:
    """Who reads the failure sees call by call what happened, and no code of the library."""
    run = run_pytest(
        tmp_path,
        CODE
        + """
    @pytest.mark.mesh(cluster={"payments": 200})
    def test_it(fault):
        found = fault("payments", status=500, times=1)
        with MeshClient() as client:
            client.get("http://payments/")
        found.assert_absorbed_by("retry")
    """,
        ini="mesh_unused_faults = ignore",
    )
    assert 1 == run["failed"], run.output
    for line in (
        "the fault 'payments 500' was not always absorbed by retry: once not absorbed",
        "payments: attempt 1 at http://payments-1.fake: server_error (500), by the fault",
        "payments: GET ended: 500, after 1 attempt",
    ):
        assert line in run.output
    assert "_handle.py" not in run.output


def test_it_works_under_anyio(tmp_path: Path) -> None:
    """On asyncio, as AnyIO's plugin runs it."""
    run = run_pytest(tmp_path, IN_BOTH, ini="anyio_mode = auto")
    assert 0 == run["failed"] == run["error"], run.output
    assert run["passed"] >= 2


def test_it_works_under_pytest_asyncio_and_xdist(tmp_path: Path) -> None:
    """In workers, with loops that pytest-asyncio makes."""
    run = run_pytest(
        tmp_path,
        IN_BOTH,
        "-n2",
        asyncio=True,
        ini="asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function",
    )
    assert (2, 0, 0) == (run["passed"], run["failed"], run["error"]), run.output


def test_it_works_beside_other_mocks(tmp_path: Path) -> None:
    """What respx and pytest-httpx answer goes through retries and faults as real answers do."""
    run = run_pytest(
        tmp_path,
        CODE
        + """
    import respx

    def test_respx(fault):
        found = fault("users", status=503, times=1)
        with respx.mock, MeshClient("app", services={"users": ["http://10.0.0.1"]}) as client:
            route = respx.get("http://10.0.0.1/x").respond(200)
            assert 200 == client.get("http://users/x").status_code
        assert 1 == route.call_count
        found.assert_absorbed_by("retry")

    def test_httpx_mock(fault, httpx_mock):
        found = fault("users", error="reset", times=1)
        httpx_mock.add_response(url="http://10.0.0.1/x", status_code=201)
        with MeshClient("app", services={"users": ["http://10.0.0.1"]}) as client:
            assert 201 == client.get("http://users/x").status_code
        found.assert_absorbed_by("retry")
    """,
    )
    assert (2, 0, 0) == (run["passed"], run["failed"], run["error"]), run.output


def test_a_run_that_does_not_use_it_imports_nothing(tmp_path: Path) -> None:
    """Neither the library nor what it needs is imported, and the plugin itself is quick."""
    run = run_pytest(
        tmp_path,
        """
    import sys

    def test_it():
        assert "pytest_meshlib" in sys.modules
        assert not {"meshlib", "httpx", "pydantic", "trio"} & set(sys.modules)
    """,
        *(part for name in ("anyio", "pytest_httpx", "respx") for part in ("-p", f"no:{name}")),
    )
    assert 1 == run["passed"], run.output
    program = (
        "import time, pytest; before = time.perf_counter(); import pytest_meshlib; "
        "print(time.perf_counter() - before)"
    )
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(times) < 0.05
