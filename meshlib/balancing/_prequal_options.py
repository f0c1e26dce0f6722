"""What a user may set about balancing by reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .._options import Options, PositiveDuration


class PrequalOptions(Options):
    """
    The parameters of Prequal (Wydrowski and others, NSDI 2024), with its defaults but one.

    A report says how many requests an endpoint is serving, and how long such requests
    take it. Answers of services behind the middleware of meshlib bring one.
    """

    pool_size: Annotated[int, Field(ge=2, le=1024)] = 16
    """How many reports are kept."""
    report_age: PositiveDuration = 1.0
    """Older reports are dropped."""
    hot_quantile: Annotated[float, Field(ge=0, le=1)] = 0.0
    """
    Endpoints that serve more requests than this quantile of the reports are hot, and passed
    over while one is not; of the others the fastest is picked. 0 goes by requests, and by
    latency between equals; 1 by latency. The paper's 2^-0.25, about 0.84, is for servers of
    hundreds of requests at once that are probed all the time: with four at once and reports
    as old as the last answer, it had two to four times the p99 of 0 at 95 % load (simulated).
    """
    probe_path: Annotated[str, Field(pattern=r"^/[!-~]*$")] | None = None
    """Where endpoints answer probes; null, the default: reports come with answers alone."""
    probe_rate: Annotated[float, Field(gt=0, le=16)] = 3.0
    """Probes for each attempt at most; none go to endpoints whose report is fresh."""
    probe_timeout: PositiveDuration = 0.003
    """A probe that takes longer is given up; 3 ms within a data centre."""
    removal_rate: Annotated[float, Field(ge=0, le=16)] = 1.0
    """Reports dropped for each attempt, the oldest and the worst in turn."""
    reuse_growth: Annotated[float, Field(ge=0)] = 1.0
    """How much more often than it takes to keep the pool full a report is used: its delta."""
