"""
The configuration document: what a mesh and its services are told.

A document is closed, so a misspelt key is an error, and every default is given where its
option is declared. Services inherit from `defaults` key by key: a mapping overrides only
the keys that it has, a list is replaced as a whole, and an options object counts for the
fields that were set. `load_config` brings together what a configuration is made of: a
document, its overlay for one environment, environment variables, and what code says.

Whatever is wrong is a `ConfigurationError` that names the place, and the nearest valid
key or value.
"""

from __future__ import annotations

from ..balancing import BalancerOptions, HashKey, PanicOptions, SlowStartOptions
from ..breaker import BreakerOptions, OutlierOptions
from ..bulkhead import BulkheadOptions
from ..faults import AbortFault, DelayFault, FaultMatch, FaultRule, LognormalDelay, TextMatch
from ..retry import BackoffOptions, BudgetOptions, HedgeOptions, RetryOptions
from ._fallback import FallbackOptions
from ._load import load_config
from ._mesh import MeshConfig
from ._names import service_name
from ._service import ServiceConfig
from ._watch import watch_config

__all__ = [
    "AbortFault",
    "BackoffOptions",
    "BalancerOptions",
    "BreakerOptions",
    "BudgetOptions",
    "BulkheadOptions",
    "DelayFault",
    "FallbackOptions",
    "FaultMatch",
    "FaultRule",
    "HashKey",
    "HedgeOptions",
    "LognormalDelay",
    "MeshConfig",
    "OutlierOptions",
    "PanicOptions",
    "RetryOptions",
    "ServiceConfig",
    "SlowStartOptions",
    "TextMatch",
    "load_config",
    "service_name",
    "watch_config",
]
