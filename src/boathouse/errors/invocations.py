"""Errors that an endpoint answers with: status, code and message in MLflow's form; no value of a request is in them.

Names that a request brought are, since its caller has to find them: :func:`quote` marks each of them, so that the log
can leave out those that no model knows. Where a header is missing, values stand in the place of names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Self

from boathouse.errors.base import BoathouseError

# MLflow's codes.
BAD_REQUEST, INVALID_VALUE = "BAD_REQUEST", "INVALID_PARAMETER_VALUE"
NOT_FOUND, UNAVAILABLE = "RESOURCE_DOES_NOT_EXIST", "TEMPORARILY_UNAVAILABLE"
_MOST_NAMES = 20
# Control characters around what a request brought; they are in no message that is sent or logged.
_BEGIN, _END = "\x02", "\x03"
_QUOTED = re.compile(f"{_BEGIN}([^{_END}]*){_END}")
_MASK = "***"


class InvocationError(BoathouseError):
    """A request that is not answered with a prediction.

    Attributes:
        status: HTTP status.
        code: MLflow's code of the error; empty where the answer is plain text.
        retry_after: Seconds after which it is worth asking again, or None.
        is_of_no_model: Whether no version caused it: a store that is down, a queue that is full.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None, is_of_no_model: bool = False
    ) -> None:
        """Keep status, code and message of the answer; parts that the request brought are marked by :func:`quote`."""
        super().__init__(_QUOTED.sub(r"\1", message))
        self.status, self.code, self.retry_after, self.is_of_no_model = status, code, retry_after, is_of_no_model
        self._marked = message

    def describe_for_log(self, known: Collection[str]) -> str:
        """Return the message with what the request brought masked, but for the names ``known``."""
        return _QUOTED.sub(lambda part: part[1] if part[1] in known else _MASK, self._marked)

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
        message = f"Column '{quote(name)}' has {found} value(s); the others have {expected}. Give one a row."
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
        return cls.bad_request(f"Column '{quote(name)}', row {row}: {expected} is expected, found {found}.")

    @classmethod
    def unknown_rows(cls, rows: Iterable[int], rule: str, *, by_key: bool) -> Self:
        """Name the rows that nothing is known of; 404 if they were looked up by key, 400 if the request is empty."""
        status, code = (404, NOT_FOUND) if by_key else (400, BAD_REQUEST)
        return cls(status, code, f"Nothing that the model takes is known of row(s) {list_names(rows)} ({rule}).")

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
        message = f"Features cannot be looked up: {reason}"
        return cls(503, UNAVAILABLE, message, retry_after=1, is_of_no_model=True)

    @classmethod
    def failed(cls) -> Self:
        """Give no cause: it is in the server's log under the request's id."""
        return cls(500, "INTERNAL_ERROR", "The request could not be answered. The server's log has its id.")


def quote(text: object) -> str:
    """Return a text of a request marked as one, for a message."""
    return f"{_BEGIN}{str(text).replace(_BEGIN, '').replace(_END, '')}{_END}"


def quote_names(names: Iterable[object]) -> str:
    """Return names of a request, each marked by :func:`quote`, for a message."""
    return _join([quote(str(name)[:80]) for name in names])


def list_names(names: Iterable[object]) -> str:
    """Return the names, shortened: they may be many or long."""
    return _join([str(name)[:80] for name in names])


def _join(shown: Sequence[str]) -> str:
    rest = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "") or "none"
