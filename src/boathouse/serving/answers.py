"""Answers in MLflow's form, byte for byte as its server writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from boathouse.errors import InvocationError
from boathouse.scoring.spec import NO_FEATURE_ROW

_NO_REASONS = '"[]"'


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP.

    Attributes:
        status: HTTP status.
        body: The body.
        media_type: Its content type.
        headers: Further headers.
        error: What the body describes if it is an error.
    """

    status: int
    body: bytes
    media_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error: InvocationError | None = None

    def describe_for_log(self, known: Collection[str]) -> str:
        """Return the body as JSON for the log: of an error without the names that only the request knows."""
        if self.error is None:
            return self.body.decode()
        return json.dumps({"error_code": self.error.code, "message": self.error.describe_for_log(known)})


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of some rows.

    Attributes:
        answer: Columns of the model's answer by name, in their order, one number a row.
        reasons: Texts of each row, or None if the request did not ask for them.
    """

    answer: Mapping[str, np.ndarray]
    reasons: list[list[str]] | None = None


@dataclass(frozen=True, slots=True)
class RowOrigin:
    """Where the score of a row comes from, for callers that ask for details."""

    entity: str
    version: str
    prediction_id: str


def encode_predictions(
    scores: Scores,
    origins: Sequence[RowOrigin] | None = None,
    *,
    last_known: bool = False,
    unknown: Collection[int] = (),
) -> bytes:
    """Return the body of an answer with predictions.

    Its spaces and digits are those of Python's own writer, which MLflow's server uses.

    Args:
        scores: Scores in the order of the request's rows.
        origins: Added to each row as ``served_entity``, ``model_version`` and ``prediction_id``.
        last_known: Whether the answer is marked as made from values last known.
        unknown: Rows that nothing is known of; each is marked with ``status``.
    """
    columns = [_encode_column(name, values) for name, values in scores.answer.items()]
    rows = [f'{", ".join(texts)}, "reasons": ' for texts in zip(*columns, strict=True)]
    reasons = (
        [_NO_REASONS] * len(rows)
        if scores.reasons is None
        else [json.dumps(json.dumps(texts)) for texts in scores.reasons]
    )
    details = [""] * len(rows) if origins is None else [_details(each) for each in origins]
    for row in unknown:
        details[row] += f', "status": "{NO_FEATURE_ROW}"'
    content = ", ".join(f"{{{a}{b}{c}}}" for a, b, c in zip(rows, reasons, details, strict=True))
    mark = ', "features": "last_known"' if last_known else ""
    return f'{{"predictions": [{content}]{mark}}}'.encode()


def encode_error(error: InvocationError) -> Answer:
    """Return the answer to a request that failed, in MLflow's form; never with a stack trace.

    The answer keeps ``error`` for the log, without the frames that it passed: they hold the body, and the answer.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    wait = error.retry_after
    headers = () if wait is None else ((b"retry-after", str(max(1, round(wait))).encode()),)
    if error.status == 401:
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    if not error.code:
        body = str(error).encode(errors="backslashreplace")
        return Answer(error.status, body, b"text/plain; charset=utf-8", headers, error)
    body = json.dumps({"error_code": error.code, "message": str(error)}).encode()
    return Answer(error.status, body, headers=headers, error=error)


def encode_document(document: Any, status: int = 200) -> Answer:  # noqa: ANN401 - anything JSON can hold
    """Return an answer that is a JSON document; NaN travels as null."""
    import orjson

    return Answer(status, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2))


def _encode_column(name: str, values: np.ndarray) -> list[str]:
    write = _number if values.dtype.kind == "f" else str
    return [f'"{name}": {write(value)}' for value in values.tolist()]


def _number(value: float) -> str:
    return repr(value) if value - value == 0 else "null"


def _details(origin: RowOrigin) -> str:
    content = {
        "served_entity": origin.entity,
        "model_version": origin.version,
        "prediction_id": origin.prediction_id,
    }
    return ", " + json.dumps(content)[1:-1]
