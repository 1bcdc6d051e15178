"""Requests of all kinds: by the endpoint's own description, against it, mutated, and made of noise."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.small_endpoint import FEATURES, as_records, make_rows

if TYPE_CHECKING:
    from tests.asgi_client import AsgiClient

JSON = "application/json"
PATHS = (
    "/invocations",
    "/serving-endpoints/late/invocations",
    "/serving-endpoints/late/served-models/champion/invocations",
    "/feature-serving/late/invocations",
    "/precomputed/late/invocations",
)
# What may be answered at all: 503 and 504 are declared, any other 5xx is a fault.
ALLOWED = frozenset({200, 400, 401, 403, 404, 405, 413, 415, 429, 503, 504})
HANG_S = 20.0
_ROWS = as_records(make_rows(3))
_VALID: list[Any] = [
    {"dataframe_records": _ROWS, "params": {"explain": True, "details": True}, "client_request_id": "x"},
    {"dataframe_split": {"columns": list(FEATURES), "data": [list(row.values()) for row in _ROWS], "index": [0, 1, 2]}},
    {"instances": _ROWS},
    {"inputs": {name: [row[name] for row in _ROWS] for name in FEATURES}},
    {"dataframe_records": [{"account": 1, "amount": 0.5}, {"account": 2, "amount": None}]},
]
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from([*FEATURES, "account", "amount", "dataframe_records", "inputs", "1e999", "nan", "-0", "𝟙"])
)
ANY_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner)
)
_CONTENT_TYPES = st.sampled_from(
    [JSON, "text/csv", "application/vnd.apache.parquet", "application/json; charset=utf-8", "text/csv; charset=x", ""]
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@dataclass(frozen=True)
class Request:
    """One request to send."""

    method: str
    path: str
    content: bytes
    headers: dict[str, str]


@st.composite
def mutated_documents(draw: st.DrawFn) -> Request:
    """Give a valid request of which one part was replaced by anything, or taken away."""
    document = json.loads(json.dumps(draw(st.sampled_from(_VALID))))
    place = document
    for _ in range(draw(st.integers(0, 4))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[draw(st.sampled_from(inner))]
    key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    if draw(st.booleans()):
        place[key] = draw(ANY_JSON)
    else:
        del place[key]
    return Request("POST", draw(st.sampled_from(PATHS)), json.dumps(document).encode(), {"content-type": JSON})


@st.composite
def mutated_bytes(draw: st.DrawFn) -> Request:
    """Give a valid request of which some bytes were replaced, with any content type."""
    content = bytearray(json.dumps(draw(st.sampled_from(_VALID))).encode())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        content[start : start + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    kind = draw(st.sampled_from([JSON, JSON, "text/csv", "application/vnd.apache.parquet"]))
    return Request("POST", draw(st.sampled_from(PATHS)), bytes(content), {"content-type": kind})


@st.composite
def noise(draw: st.DrawFn) -> Request:
    """Give any bytes at any address by any method."""
    path = draw(st.sampled_from([*PATHS, "/ping", "/metrics", "/manage/drain", "/health"]) | st.just("/") | _any_path())
    headers = {
        "content-type": draw(_CONTENT_TYPES),
        "x-request-id": draw(st.sampled_from(["a", "é".encode().hex(), ""])),
    }
    if draw(st.booleans()):
        headers["authorization"] = draw(st.sampled_from(["Bearer ", "Bearer bh_0_0", "Basic eA==", "bearer", "\t"]))
    method = draw(st.sampled_from(["POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]))
    return Request(method, path, draw(st.binary(max_size=200)), headers)


def _any_path() -> st.SearchStrategy[str]:
    parts = st.text(st.characters(min_codepoint=48, max_codepoint=122), min_size=1, max_size=10)
    return st.lists(parts, max_size=6).map(lambda each: "/" + "/".join(part.replace("?", "x") for part in each))


def described(document: dict[str, Any], *, valid: bool) -> st.SearchStrategy[Request]:
    """Give requests as the OpenAPI document describes them, or against its description."""
    import schemathesis
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(document)
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    cases = st.one_of(*(schema[path]["POST"].as_strategy(generation_mode=mode) for path in PATHS))
    return cases.map(_from_case)


def _from_case(case: Any) -> Request:
    body = case.body
    if not isinstance(body, bytes):
        try:
            body = json.dumps(body).encode()
        except TypeError:
            body = b""
    return Request("POST", case.formatted_path, body, {"content-type": case.media_type or JSON})


@dataclass
class Findings:
    """What came of the requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def check(self, client: AsgiClient, request: Request) -> None:
        """Send one request; fail on a status that is not declared, a hang, or an error that is no JSON."""
        started = time.monotonic()
        answer = client.request(request.method, request.path, content=request.content, headers=request.headers)
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        self.statuses[answer.status_code] += 1
        assert answer.status_code in ALLOWED | {202}, (request, answer.text)
        assert self.slowest_s < HANG_S
        is_error = answer.status_code >= 400 and answer.status_code != 415 and request.method != "HEAD"
        if is_error and request.path not in ("/ping", "/health"):
            assert set(answer.json()) == {"error_code", "message"}
