"""Endpoints as documents: what is served, to whom, within which limits; needs the standard library alone."""

from boathouse.core.endpoints.config import EndpointConfig, Route, ServedEntity
from boathouse.core.endpoints.options import InputOptions, LimitOptions, LogOptions, LookUpOptions, SplitOptions

__all__ = [
    "EndpointConfig",
    "InputOptions",
    "LimitOptions",
    "LogOptions",
    "LookUpOptions",
    "Route",
    "ServedEntity",
    "SplitOptions",
]
