"""Errors that an endpoint answers with: status, code and message in MLflow's form; no value of a request is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from boathouse.errors.base import BoathouseError

# MLflow's codes.
BAD_REQUEST, INVALID_VALUE = "BAD_REQUEST", "INVALID_PARAMETER_VALUE"
NOT_FOUND, UNAVAILABLE = "RESOURCE_DOES_NOT_EXIST", "TEMPORARILY_UNAVAILABLE"
_MOST_NAMES = 20


class InvocationError(BoathouseError):
    """A request that is not answered with a prediction.

    Attributes:
        status: HTTP status.
        code: MLflow's code of the error; empty where the answer is plain text.
        retry_after: Seconds after which it is worth asking again, or None.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        """Keep status, code and message of the answer."""
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after

    @classmethod
    def bad_request(cls, message: str) -> Self:
        """Refuse a request that cannot be answered as it is, with 400."""
        return cls(400, BAD_REQUEST, message)

    @classmethod
    def unreadable(cls, expected: str, where: str) -> Self:
        """Name the form that was expected and where it breaks off."""
        return cls.bad_request(f"Ensure that input is valid {expected}: {where}.")

    @classmethod
    def wrong_form(cls, wrapper: str, expected: str, found: str) -> Self:
        """Name the wrapper, the form that belongs into it, and what came."""
        return cls.bad_request(f"'{wrapper}' has to be {expected}. Got {found}.")

    @classmethod
    def uneven_row(cls, row: int, found: int, expected: int) -> Self:
        """Give the row and its number of values."""
        return cls.bad_request(f"Row {row} has {found} value(s) for {expected} column(s).")

    @classmethod
    def uneven_column(cls, name: str, found: int, expected: int) -> Self:
        """Give the column and its number of values."""
        message = f"Column '{name}' has {found} value(s); the others have {expected}. Give one a row."
        return cls(400, INVALID_VALUE, message)

    @classmethod
    def missing_columns(cls, missing: Iterable[str], keys: Iterable[str]) -> Self:
        """Name the columns that the model needs; with its keys they would be looked up."""
        keys = list(keys)
        instead = f" Or give the key {', '.join(keys)} alone: features are looked up." if keys else ""
        return cls.bad_request(f"Missing column(s): {list_names(sorted(missing))}.{instead}")

    @classmethod
    def wrong_type(cls, name: str, row: int, found: str, expected: str = "a number or null") -> Self:
        """Give column and row, and the type found there."""
        return cls.bad_request(f"Column '{name}', row {row}: {expected} is expected, found {found}.")

    @classmethod
    def wrong_param(cls, name: str, expected: str) -> Self:
        """Name the parameter and its type."""
        return cls(400, INVALID_VALUE, f"'{name}' has to be {expected}.")

    @classmethod
    def no_look_up(cls, model: str) -> Self:
        """Name the model that has no feature spec."""
        return cls.bad_request(f"Served model '{model}' has no feature spec: it cannot look features up by key.")

    @classmethod
    def no_address(cls, path_kind: str, known: Iterable[str]) -> Self:
        """Name what the address lacks and what there is."""
        return cls(404, "ENDPOINT_NOT_FOUND", f"There is no such {path_kind}. There are: {list_names(sorted(known))}.")

    @classmethod
    def wrong_method(cls, allowed: str) -> Self:
        """Name the method that the address takes."""
        return cls(405, BAD_REQUEST, f"This address takes {allowed}.")

    @classmethod
    def too_large(cls, unit: str, limit: int) -> Self:
        """Give the limit and its unit: bytes or rows."""
        return cls(413, "MAX_REQUEST_SIZE_EXCEEDED", f"The request has more than {limit:,} {unit}. Divide it.")

    @classmethod
    def store_down(cls, reason: str) -> Self:
        """Give the reason why features cannot be looked up."""
        return cls(503, UNAVAILABLE, f"Features cannot be looked up: {reason}", retry_after=1)

    @classmethod
    def failed(cls) -> Self:
        """Give no cause: it is in the server's log under the request's id."""
        return cls(500, "INTERNAL_ERROR", "The request could not be answered. The server's log has its id.")


def list_names(names: Iterable[object]) -> str:
    """Return the names, shortened: they come from the request and may be many or long."""
    shown = [str(name)[:80] for name in names]
    rest = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "") or "none"
