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

from ..balancing import (
    BalancerOptions,
    HashKey,
    PanicOptions,
    PreferOptions,
    SlowStartOptions,
    SubsettingOptions,
    ZoneAwareOptions,
)
from ..breaker import BreakerOptions, OutlierOptions
from ..bulkhead import BulkheadOptions
from ..faults import (
    AbortFault,
    CorruptFault,
    DelayFault,
    FaultBaggageOptions,
    FaultControlOptions,
    FaultMatch,
    FaultRule,
    FieldFault,
    HeaderFault,
    LognormalDelay,
    NormalDelay,
    QuotaFault,
    RelativeDelay,
    ResponseFault,
    ScheduleWindow,
    SequenceFault,
    TextMatch,
)
from ..retry import BackoffOptions, BudgetOptions, HedgeOptions, RetryOptions
from ._documents import DocumentStore, StoredDocument
from ._fallback import FallbackOptions
from ._load import load_config
from ._mesh import MeshConfig
from ._names import service_name
from ._overrides import overridden, route_overrides
from ._patch import patch_config
from ._service import ServiceConfig
from ._stalls import StallOptions
from ._tenants import TenantConfig
from ._watch import watch_config
from .linting import Finding, lint
from .manifest import load_manifest, manifest_schema
from .schema import json_schema

__all__ = [
    "AbortFault",
    "BackoffOptions",
    "BalancerOptions",
    "BreakerOptions",
    "BudgetOptions",
    "BulkheadOptions",
    "CorruptFault",
    "DelayFault",
    "DocumentStore",
    "FallbackOptions",
    "FaultBaggageOptions",
    "FaultControlOptions",
    "FaultMatch",
    "FaultRule",
    "FieldFault",
    "Finding",
    "HashKey",
    "HeaderFault",
    "HedgeOptions",
    "LognormalDelay",
    "MeshConfig",
    "NormalDelay",
    "OutlierOptions",
    "PanicOptions",
    "PreferOptions",
    "QuotaFault",
    "RelativeDelay",
    "ResponseFault",
    "RetryOptions",
    "ScheduleWindow",
    "SequenceFault",
    "ServiceConfig",
    "SlowStartOptions",
    "StallOptions",
    "StoredDocument",
    "SubsettingOptions",
    "TenantConfig",
    "TextMatch",
    "ZoneAwareOptions",
    "json_schema",
    "lint",
    "load_config",
    "load_manifest",
    "manifest_schema",
    "overridden",
    "patch_config",
    "route_overrides",
    "service_name",
    "watch_config",
]
