"""Errors that an endpoint answers with: status, code and message in MLflow's form; no value of a request is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from boathouse.errors.base import BoathouseError

WRAPPERS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_BAD, _INVALID = "BAD_REQUEST", "INVALID_PARAMETER_VALUE"
_NOT_FOUND, _BUSY = "RESOURCE_DOES_NOT_EXIST", "TEMPORARILY_UNAVAILABLE"
_TOO_MANY_NAMES = 20


class InvocationError(BoathouseError):
    """A request that is not answered with a prediction.

    Attributes:
        status: HTTP status.
        code: MLflow's name of the kind of error; empty where the answer is plain text.
        retry_after: Seconds after which it is worth asking again, or None.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        """Keep what the answer says."""
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after

    @classmethod
    def no_content_type(cls) -> Self:
        """Say which header is missing."""
        return cls(400, _BAD, "The request has no Content-Type. Send 'Content-Type: application/json'.")

    @classmethod
    def unsupported(cls, message: str) -> Self:
        """Refuse a content type, as MLflow does, in plain text."""
        return cls(415, "", message)

    @classmethod
    def unreadable(cls, what: str, where: str) -> Self:
        """Name the form that was expected and where it breaks off."""
        return cls(400, _BAD, f"Ensure that input is valid {what}: {where}.")

    @classmethod
    def no_dictionary(cls, found: str) -> Self:
        """Name the type that came instead of a JSON dictionary."""
        return cls(400, _BAD, f"{_required()}. Received a {found}.")

    @classmethod
    def no_wrapper(cls, found: Iterable[str]) -> Self:
        """Name the keys that came; old requests lack the key around them."""
        keys = sorted(found)
        hint = ""
        if {"columns", "data"} <= set(keys):
            hint = ' Columns and data go inside: {"dataframe_split": {"columns": […], "data": […]}}.'
        return cls(400, _BAD, f"{_required()}. Received dictionary with input fields: {_list(keys)}.{hint}")

    @classmethod
    def wrong_form(cls, wrapper: str, expected: str, found: str) -> Self:
        """Name the wrapper, the form that belongs into it, and what came."""
        return cls(400, _BAD, f"'{wrapper}' has to be {expected}. Got {found}.")

    @classmethod
    def uneven_row(cls, row: int, found: int, expected: int) -> Self:
        """Give the row and its number of values."""
        return cls(400, _BAD, f"Row {row} has {found} value(s) for {expected} column(s).")

    @classmethod
    def uneven_column(cls, name: str, found: int, expected: int) -> Self:
        """Give the column and its number of values."""
        return cls(400, _INVALID, f"Column '{name}' has {found} value(s); the others have {expected}. Give one a row.")

    @classmethod
    def repeated_columns(cls, names: Iterable[str]) -> Self:
        """Name the columns that stand twice."""
        return cls(400, _INVALID, f"Column(s) named more than once: {_list(names)}.")

    @classmethod
    def missing_columns(cls, missing: Iterable[str], keys: Iterable[str]) -> Self:
        """Name the columns that the model needs; with its keys they would be looked up."""
        keys = list(keys)
        instead = f" Or give the key {', '.join(keys)} alone: features are looked up." if keys else ""
        return cls(400, _BAD, f"Missing column(s): {_list(sorted(missing))}.{instead}")

    @classmethod
    def unknown_columns(cls, found: Iterable[str], known: Iterable[str]) -> Self:
        """Name the columns that mean nothing where features are looked up."""
        return cls(400, _BAD, f"Unknown column(s): {_list(sorted(found))}. Known beside the key: {_list(known)}.")

    @classmethod
    def wrong_type(cls, name: str, row: int, found: str, expected: str = "a number or null") -> Self:
        """Give column and row, and the type found there."""
        return cls(400, _BAD, f"Column '{name}', row {row}: {expected} is expected, found {found}.")

    @classmethod
    def out_of_range(cls, name: str, row: int, low: float, high: float) -> Self:
        """Give column and row, and the range of the contract."""
        return cls(400, _BAD, f"Column '{name}', row {row}: outside of its range, {low:g} to {high:g}.")

    @classmethod
    def not_computable(cls, name: str, row: int) -> Self:
        """Name the feature whose result is no finite number, and the row."""
        return cls(400, _BAD, f"Feature '{name}', row {row}: it is infinite for the values given (a division by zero).")

    @classmethod
    def wrong_param(cls, name: str, expected: str) -> Self:
        """Name the parameter and its type."""
        return cls(400, _INVALID, f"'{name}' has to be {expected}.")

    @classmethod
    def unfit(cls, message: str) -> Self:
        """Pass on what the features' own check says."""
        return cls(400, _BAD, message)

    @classmethod
    def no_look_up(cls, model: str) -> Self:
        """Say that the model was made without a feature spec."""
        return cls(400, _BAD, f"Served model '{model}' has no feature spec: it cannot look features up by key.")

    @classmethod
    def unknown_keys(cls, rows: Iterable[int]) -> Self:
        """Give the rows whose key no view has."""
        return cls(404, _NOT_FOUND, f"No features are known for the key of row(s) {_list(map(str, rows))}.")

    @classmethod
    def no_address(cls, path_kind: str, known: Iterable[str]) -> Self:
        """Name what the address lacks and what there is."""
        return cls(404, "ENDPOINT_NOT_FOUND", f"There is no such {path_kind}. There are: {_list(sorted(known))}.")

    @classmethod
    def wrong_method(cls, allowed: str) -> Self:
        """Name the method that the address takes."""
        return cls(405, _BAD, f"This address takes {allowed}.")

    @classmethod
    def not_loaded(cls, entity: str, reason: str) -> Self:
        """Name the served entity and why it cannot answer."""
        return cls(503, _BUSY, f"Served entity '{entity}' has no model: {reason}.", retry_after=1)

    @classmethod
    def unauthenticated(cls) -> Self:
        """Say which header is missing or wrong; not which of both."""
        return cls(401, "UNAUTHENTICATED", "A valid token is needed: 'Authorization: Bearer TOKEN'.")

    @classmethod
    def forbidden(cls, scope: str) -> Self:
        """Name the scope that the token lacks."""
        return cls(403, "PERMISSION_DENIED", f"The token lacks the scope '{scope}'.")

    @classmethod
    def too_large(cls, what: str, limit: int) -> Self:
        """Name what is too large and its limit."""
        return cls(413, "MAX_REQUEST_SIZE_EXCEEDED", f"The request has more than {limit:,} {what}. Divide it.")

    @classmethod
    def too_slow(cls, limit_ms: int) -> Self:
        """Give the time that a request may take."""
        return cls(504, "DEADLINE_EXCEEDED", f"The request took longer than {limit_ms:,} ms.")

    @classmethod
    def too_often(cls, wait_s: float) -> Self:
        """Say when the next request may come."""
        return cls(429, "REQUEST_LIMIT_EXCEEDED", "More requests than this token may send.", retry_after=wait_s)

    @classmethod
    def overloaded(cls, length: int) -> Self:
        """Give the length of the queue."""
        return cls(503, _BUSY, f"{length:,} requests are at work or waiting. Try again.", retry_after=1)

    @classmethod
    def store_down(cls, reason: str) -> Self:
        """Say why features cannot be looked up."""
        return cls(503, _BUSY, f"Features cannot be looked up: {reason}", retry_after=1)

    @classmethod
    def failed(cls) -> Self:
        """Say nothing of the cause, which is in the server's log under the request's id."""
        return cls(500, "INTERNAL_ERROR", "The request could not be answered. The server's log has its id.")


def _required() -> str:
    return f"The input must be a JSON dictionary with exactly one of the input fields {', '.join(WRAPPERS)}"


def _list(names: Iterable[str]) -> str:
    """Return the names, shortened: they come from the request and may be many or long."""
    shown = [str(name)[:80] for name in names]
    rest = len(shown) - _TOO_MANY_NAMES
    return ", ".join(shown[:_TOO_MANY_NAMES]) + (f" and {rest} more" if rest > 0 else "") or "none"
