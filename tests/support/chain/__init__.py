"""
Three real services in a row, each a process of its own, which speak mutual TLS.

`gateway` is FastAPI on uvicorn, `orders` Flask on gunicorn, and `stock` Starlette on uvicorn.
Each answers with what it saw and with what the next one said, and writes down what it did.
"""

from .row import DOMAIN, Row, ServiceProcess
from .spans import ReceivedSpan, spans_of, wait_for_spans

__all__ = ["DOMAIN", "ReceivedSpan", "Row", "ServiceProcess", "spans_of", "wait_for_spans"]
