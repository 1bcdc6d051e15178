"""Whatever is sent, the answer is a declared one; benchmarks/fuzz_endpoint.py sends ten thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fixtures import fuzzing
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import SmallEndpoint

if TYPE_CHECKING:
    from boathouse.features.online.store import OnlineStore

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def fuzzed(store: OnlineStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsgiClient]:
    client = AsgiClient(SmallEndpoint.build(tmp_path_factory.mktemp("fuzz"), store).app)
    yield client
    client.close()


@relaxed
@given(request=fuzzing.mutated_documents())
def test_a_request_with_a_part_replaced(fuzzed: AsgiClient, request: fuzzing.Request) -> None:
    fuzzing.Findings().check(fuzzed, request)


@relaxed
@given(request=fuzzing.mutated_bytes())
def test_a_request_with_bytes_replaced(fuzzed: AsgiClient, request: fuzzing.Request) -> None:
    fuzzing.Findings().check(fuzzed, request)


@relaxed
@given(request=fuzzing.noise())
def test_noise(fuzzed: AsgiClient, request: fuzzing.Request) -> None:
    fuzzing.Findings().check(fuzzed, request)


def test_a_fault_would_be_seen(fuzzed: AsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("boathouse.serving.invocation_handler.parse_invocation", fail)
    with pytest.raises(AssertionError):
        fuzzing.Findings().check(fuzzed, fuzzing.Request("POST", "/invocations", b"{}", {"content-type": fuzzing.JSON}))
