"""A real Prometheus that scrapes what a test serves, and its promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx

from .program import Program, find_program, free_port


class Prometheus:
    """
    One server that scrapes *target*, `host:port`, five times a second. Used in `with`.

    *rules* is a file of rules, which it evaluates as often.
    """

    def __init__(self, directory: Path, target: str, rules: Path) -> None:
        program = find_program("prometheus", "MESHLIB_TEST_PROMETHEUS")
        settings = directory / "prometheus.yml"
        config = {
            "global": dict.fromkeys(
                ("scrape_interval", "scrape_timeout", "evaluation_interval"), "200ms"
            ),
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "mesh", "static_configs": [{"targets": [target]}]}],
        }
        settings.write_text(json.dumps(config), "utf-8")  # JSON is YAML
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30.0)
        self.program = Program(
            [
                program,
                f"--config.file={settings}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            ready=self._ready,
            log=directory / "prometheus.log",
        )

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.program.kill()
        self.client.close()

    def _ready(self) -> bool:
        try:
            return self.client.get("/-/ready", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; an error is one of the test."""
        response = self.client.get(f"/api/v1/{path}", params=parameters)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What *expression* is now: a vector."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """What promtool says; it must not find anything wrong."""
    program = find_program("promtool", "MESHLIB_TEST_PROMTOOL")
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
