"""Send the endpoint thousands of requests, valid, invalid, mutated, large and noise; fail on any undeclared answer.

Usage: ``python benchmarks/fuzz_endpoint.py [--cases 10000]``. Three in ten are made from the server's own OpenAPI
document, half of these against it. Prints how often each status was answered, the slowest answer, and how many rows
the inference log has for how many answers: it fails where they differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from boathouse.endpoints.options import LogOptions
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures import fuzzing
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import SmallEndpoint, fill_store, make_rows


def send(client: AsgiClient, requests: st.SearchStrategy[fuzzing.Request], count: int) -> fuzzing.Findings:
    """Return what came of ``count`` requests."""
    found = fuzzing.Findings()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests)
    def run(request: fuzzing.Request) -> None:
        found.check(client, request)

    run()
    return found


def kinds(client: AsgiClient, cases: int) -> Iterator[tuple[str, st.SearchStrategy[fuzzing.Request], int]]:
    """Give the kinds of requests and how many of each."""
    document = client.get("/openapi.json").json()
    yield "as described", fuzzing.described(document, valid=True), cases * 15 // 100
    yield "against the description", fuzzing.described(document, valid=False), cases * 15 // 100
    yield "a part replaced", fuzzing.mutated_documents(), cases * 30 // 100
    yield "bytes replaced", fuzzing.mutated_bytes(), cases * 15 // 100
    yield "files with bytes replaced", fuzzing.mutated_files(), cases * 15 // 100
    yield "large, a part replaced", fuzzing.large_documents(), cases * 2 // 100
    yield "noise", fuzzing.noise(), cases * 8 // 100


def main() -> None:
    """Send all kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    cases = parser.parse_args().cases
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        store = fill_store(f"sqlite:///{folder}/online.db", make_rows(50))
        small = SmallEndpoint.build(Path(folder), store)
        log = InferenceLog(f"{folder}/table", f"{folder}/journal", LogOptions(), always_hidden=("account",))
        log.start()
        small.service.logs = {"late": log}
        client, total, answers = AsgiClient(small.app), 0, 0
        for name, requests, count in kinds(client, cases):
            found = send(client, requests, count)
            total += sum(found.statuses.values())
            answers += found.answers
            shown = ", ".join(f"{status}: {times:,}" for status, times in sorted(found.statuses.items()))
            print(f"{name:<24} {shown}; slowest {found.slowest_s * 1000:.0f} ms", flush=True)
        print(f"{total:,} requests, none with an undeclared answer")
        rows = DeltaTable(f"{folder}/table").to_pyarrow_table().num_rows if log.close() else 0
        print(f"{rows:,} rows logged, {answers:,} answers given where the server is not watched; {log.counts}")
        if rows != answers or log.problem:
            sys.exit(f"the log differs from the answers: {log.problem}")


if __name__ == "__main__":
    main()
