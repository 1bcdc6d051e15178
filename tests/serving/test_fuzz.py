"""Whatever is sent, the answer is a declared one and a row of the log; benchmarks/fuzz_endpoint.py sends thousands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings

from boathouse.endpoints.options import LogOptions
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures import fuzzing
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import SmallEndpoint

if TYPE_CHECKING:
    from boathouse.features.online.store import OnlineStore

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@dataclass
class Fuzzed:
    """An endpoint that logs, and what came of the requests to it."""

    client: AsgiClient
    log: InferenceLog
    table: Path
    findings: fuzzing.Findings

    def check(self, request: fuzzing.Request) -> None:
        self.findings.check(self.client, request)


@pytest.fixture(scope="module")
def fuzzed(store: OnlineStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    folder = tmp_path_factory.mktemp("fuzz")
    small = SmallEndpoint.build(folder, store)
    log = InferenceLog(folder / "table", folder / "journal", LogOptions(flush_seconds=0.1), always_hidden=("account",))
    log.start()
    small.service.logs = {"late": log}
    client = AsgiClient(small.app)
    yield Fuzzed(client, log, folder / "table", fuzzing.Findings())
    client.close()
    log.close()


@relaxed
@given(request=fuzzing.mutated_documents())
def test_a_request_with_a_part_replaced(fuzzed: Fuzzed, request: fuzzing.Request) -> None:
    fuzzed.check(request)


@relaxed
@given(request=fuzzing.mutated_bytes())
def test_a_request_with_bytes_replaced(fuzzed: Fuzzed, request: fuzzing.Request) -> None:
    fuzzed.check(request)


@relaxed
@given(request=fuzzing.mutated_files())
def test_a_file_with_bytes_replaced(fuzzed: Fuzzed, request: fuzzing.Request) -> None:
    fuzzed.check(request)


@settings(relaxed, max_examples=15)
@given(request=fuzzing.large_documents())
def test_a_large_document_with_a_part_replaced(fuzzed: Fuzzed, request: fuzzing.Request) -> None:
    fuzzed.check(request)


@relaxed
@given(request=fuzzing.noise())
def test_noise(fuzzed: Fuzzed, request: fuzzing.Request) -> None:
    fuzzed.check(request)


def test_a_fault_would_be_seen(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("boathouse.serving.invocation_handler.parse_invocation", fail)
    with pytest.raises(AssertionError):
        fuzzed.check(fuzzing.Request("POST", "/invocations", b"{}", {"content-type": fuzzing.JSON}))


def test_as_many_rows_are_logged_as_answers_were_given(fuzzed: Fuzzed) -> None:
    before = fuzzed.findings.answers
    fuzzed.check(fuzzing.Request("POST", "/invocations", b'{"client_request_id": "\\ud800"}', {}))
    assert fuzzed.findings.answers == before + 1
    assert fuzzed.log.flush()
    assert fuzzed.log.problem == ""
    assert DeltaTable(str(fuzzed.table)).to_pyarrow_table().num_rows == fuzzed.findings.answers
