"""Requests to the platform's services, and their answers: JSON, files and errors in the platform's own form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATUS = {
    "ALREADY_EXISTS": 409,
    "BAD_REQUEST": 400,
    "CATALOG_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "INTERNAL_ERROR": 500,
    "INVALID_PARAMETER_VALUE": 400,
    "MALFORMED_REQUEST": 400,
    "NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "RESOURCE_ALREADY_EXISTS": 409,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "SCHEMA_DOES_NOT_EXIST": 404,
    "TEMPORARILY_UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}


class ServiceError(Exception):
    """An answer that is an error.

    Attributes:
        code: Error code of the answer's body.
        status: HTTP status that goes with it.
    """

    def __init__(self, code: str, message: str) -> None:
        """Remember code and message."""
        super().__init__(message)
        self.code, self.status = code, STATUS[code]

    @classmethod
    def missing(cls, what: str) -> ServiceError:
        """Return the answer to a question about what is not there."""
        return cls("RESOURCE_DOES_NOT_EXIST", f"{what} does not exist.")

    @classmethod
    def invalid(cls, message: str) -> ServiceError:
        """Return the answer to a request that asks for what is not possible."""
        return cls("INVALID_PARAMETER_VALUE", message)

    @classmethod
    def denied(cls, message: str) -> ServiceError:
        """Return the answer to who lacks a right."""
        return cls("PERMISSION_DENIED", message)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        principal: Who asks.
        verb: HTTP method.
        path: Path without the query, as sent.
        asked: Values of the query and of the JSON body, and what the route's pattern names in the path.
        query: Query as sent, for services that read repeated values.
        body: What was sent.
        headers: Headers that were sent, by their names in lower case.
    """

    principal: str
    verb: str
    path: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def need(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value that has to be given.

        Raises:
            ServiceError: If it is not.
        """
        if self.asked.get(name) in (None, ""):
            raise ServiceError.invalid(f"Missing required field: {name}")
        return self.asked[name]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer other than a JSON object.

    Attributes:
        content: Its bytes.
        kind: Its media type.
        headers: Further headers.
        status: HTTP status.
    """

    content: bytes = b""
    kind: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class Route:
    """Requests of one form, and what answers them."""

    def __init__(
        self, name: str, verb: str, pattern: str, answer: Callable[[Request], dict[str, Any] | Answer]
    ) -> None:
        """Remember the form.

        Args:
            name: Under which calls are counted, such as ``secrets.get``.
            verb: HTTP method.
            pattern: Path with names in braces; ``{name}`` is one part of it, ``{name*}`` all that follows.
            answer: Returns a JSON object, or an :class:`Answer`.
        """
        self.name, self.verb, self.answer = name, verb, answer
        some = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", pattern)
        self._pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", some))

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """Return what the pattern names, or None if this is no request of that form."""
        found = self._pattern.fullmatch(path) if verb == self.verb else None
        return None if found is None else found.groupdict()
