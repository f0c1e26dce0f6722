"""What requests ask for by headers: nothing beyond what is configured, and never an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshlib.faults import FaultInjector, FaultRule

NAMES = (
    "x-envoy-fault-delay-request",
    "x-envoy-fault-delay-request-percentage",
    "x-envoy-fault-abort-request",
    "x-envoy-fault-abort-request-percentage",
    "x-envoy-fault-throughput-response",
    "x-envoy-fault-throughput-response-percentage",
)
VALUES = st.one_of(
    st.integers(-5, 2000).map(str),
    st.sampled_from(["", "1e3", "+1", " 1", "0x10", "١٢", "²", "9" * 400, "1_0", "503, 503"]),
    st.text(max_size=12),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_headers_never_raise_and_never_reach_beyond_their_range(headers: dict[str, str]) -> None:
    """A delay is some seconds, a status one that may be answered, a pace above 0."""
    injector = FaultInjector(
        [
            FaultRule.model_validate(
                {
                    "name": "asked",
                    "delay": {"header": True},
                    "abort": {"header": True},
                    "response": {"header": True},
                }
            )
        ]
    )
    injector.heeds_requests = True
    fault = injector.plan("users", "shop").decide(
        "attempt", endpoint="", method="GET", path="/", headers=headers
    )
    if fault is not None:
        assert 0 <= fault.delay < 1_000_000
        assert fault.status is None or 200 <= fault.status <= 599
        assert fault.response is None or (fault.response.bandwidth or 0) >= 1024


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_nothing_is_granted_where_nothing_is_configured(headers: dict[str, str]) -> None:
    """Not at 0 %, and not where requests are not heeded, whatever the headers say."""
    for percentage, heeded in ((0, True), (100, False)):
        part = {"header": True, "percentage": percentage}
        injector = FaultInjector(
            [FaultRule.model_validate({"name": "x", "delay": part, "abort": part})]
        )
        injector.heeds_requests = heeded
        plan = injector.plan("users", "shop")
        assert plan.decide("attempt", endpoint="", method="GET", path="/", headers=headers) is None
