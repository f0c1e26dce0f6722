"""The spans of a trace as a receiver of OTLP got them, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..otlp import Receiver
from ..real import wait_until

_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True)
class ReceivedSpan:
    """A span; ids are hexadecimal, and *parent* is empty without one."""

    service: str
    name: str
    kind: str
    trace: str
    span: str
    parent: str
    attributes: dict[str, Any]
    failed: bool


def spans_of(receiver: Receiver, trace: str) -> list[ReceivedSpan]:
    """What has arrived of *trace* so far."""
    plain = [_received(span, resource["service.name"]) for resource, span in receiver.spans()]
    return [span for span in plain if span.trace == trace]


def wait_for_spans(
    receiver: Receiver, trace: str, condition: Callable[[list[ReceivedSpan]], bool]
) -> list[ReceivedSpan]:
    """The spans of *trace*, as soon as they fulfil *condition*."""
    wait_until(f"spans of {trace}", lambda: condition(spans_of(receiver, trace)))
    return spans_of(receiver, trace)


def _received(span: Any, service: str) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        kind=_KINDS[span.kind],
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes={item.key: _value(item.value) for item in span.attributes},
        failed=span.status.code == 2,
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(one) for one in value.array_value.values)
    return None if kind is None else getattr(value, kind)
