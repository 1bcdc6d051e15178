"""The load test measures what clients would see, and leaves nothing behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from boathouse.cli.main import cli
from boathouse.endpoints.load_test import LoadOptions, arrivals, measure_load, pick_quantile
from boathouse.endpoints.temporary import temporary_endpoint
from boathouse.errors import RolloutError
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from collections.abc import Iterator

# The endpoint whose service levels conf has.
(ENDPOINT,) = yaml.safe_load((CONF / "base/serving/rollouts.yml").read_text(encoding="utf-8"))["service_levels"]
SERVER = (sys.executable, str(Path(__file__).with_name("tiny_server.py")))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with temporary_endpoint([], command=SERVER) as found:
        yield f"{found}/invocations"


def test_answers_are_counted_and_timed(address: str) -> None:
    found = measure_load(address, [b'{"wait":0.05}'], LoadOptions(rate=100, seconds=1, warm_up_seconds=0.2))
    assert found.failed == 0
    # Of a Poisson process: 100 in a second, give or take five standard deviations.
    assert 50 < found.sent < 150
    assert 50 <= found.p50_ms <= found.p90_ms <= found.p99_ms <= found.longest_ms


def test_a_stall_keeps_all_waiting_who_came_meanwhile(address: str) -> None:
    # One body in forty waits half a second. A client that waits for each answer before it sends the next
    # would see that in one time of forty; here the others are sent meanwhile and none of them waits.
    bodies = [b'{"wait":0.5}', *[b"{}"] * 39]
    found = measure_load(address, bodies, LoadOptions(rate=80, seconds=1.5, warm_up_seconds=0))
    assert found.longest_ms >= 500
    assert found.p50_ms < 400
    assert found.sent > 60


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"status":500}', "status 500"),
        (b'{"status":429}', "status 429"),
        (b'{"hang_up":true}', "IncompleteReadError"),
        (b'{"wait":9}', "timeout"),
    ],
)
def test_failures_are_counted_by_kind(address: str, body: bytes, kind: str) -> None:
    options = LoadOptions(rate=40, seconds=0.5, warm_up_seconds=0, timeout_seconds=0.3)
    found = measure_load(address, [body, b"{}"], options)
    assert dict(found.errors) == {kind: found.failed}
    assert 0 < found.failed < found.sent
    assert found.availability == 1 - found.failed / found.sent


def test_connections_that_are_closed_are_opened_again(address: str) -> None:
    found = measure_load(address, [b'{"close":true}'], LoadOptions(rate=50, seconds=0.5, warm_up_seconds=0))
    assert (found.failed, found.sent > 5) == (0, True)


def test_an_address_without_a_server_is_an_error() -> None:
    with pytest.raises(RolloutError, match="does not answer"):
        measure_load("http://127.0.0.1:1/invocations", [b"{}"], LoadOptions(rate=1, seconds=1))


def test_arrivals_are_those_of_a_poisson_process() -> None:
    due = list(arrivals(LoadOptions(rate=200, seconds=50, warm_up_seconds=0)))
    gaps = [after - before for before, after in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    # Exponential gaps: the deviation is the mean.
    assert mean == pytest.approx(1 / 200, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.05)
    assert due == list(arrivals(LoadOptions(rate=200, seconds=50, warm_up_seconds=0)))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_was_seen(values: list[int], share: float) -> None:
    ranked = sorted(map(float, values))
    found = pick_quantile(ranked, share)
    assert sum(value <= found for value in ranked) >= share * len(ranked) - 1e-9
    assert sum(value < found for value in ranked) < share * len(ranked) + 1e-9


def test_no_answer_has_no_quantile() -> None:
    assert math.isnan(pick_quantile([], 0.5))


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def children_of_this_process(word: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False).stdout.split()
    return [int(pid) for pid in found if int(pid) != os.getpid() and is_alive(int(pid))]


def fail_beside_an_endpoint(seen: list[int]) -> None:
    with temporary_endpoint(["--child"], command=SERVER) as address:
        port = address.rpartition(":")[2]
        seen += children_of_this_process(f"tiny_server.py --child --host 127.0.0.1 --port {port}")
        found = subprocess.run(["pgrep", "-g", str(seen[0])], capture_output=True, text=True, check=True)
        seen[:] = map(int, found.stdout.split())
        message = "the test failed"
        raise ValueError(message)


def test_a_temporary_endpoint_may_print_without_limit(address: str) -> None:
    # A hundred times what a pipe holds.
    found = measure_load(address, [b'{"say":100000}'], LoadOptions(rate=70, seconds=1, timeout_seconds=5))
    assert (found.failed, found.sent > 20) == (0, True)


def test_levels_that_no_rate_was_low_enough_for_are_not_kept(address: str, tmp_path: Path) -> None:
    (tmp_path / "bodies").write_text("{}\n", encoding="utf-8")
    words = ["endpoints", "load-test", address, "--name", ENDPOINT, "--request", str(tmp_path / "bodies")]
    places = ["--env", "test", "--conf-source", str(CONF), "--seconds", "0.5", "--warm-up", "0"]
    judged, above = (CliRunner().invoke(cli, [*words, *places, "--rate", rate]) for rate in ("40", "60"))
    assert (judged.exit_code, "service levels kept" in judged.output) == (0, True), judged.output
    assert (above.exit_code, "not judged" in above.output) == (1, True)


@pytest.mark.programs("pgrep")
def test_a_temporary_endpoint_is_gone_after_an_error() -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="the test failed"):
        fail_beside_an_endpoint(seen)
    # The server, and the child that it started.
    assert len(seen) == 2
    # A killed process ends when the system gets to it.
    deadline = time.monotonic() + 10
    while any(is_alive(pid) for pid in seen) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in seen)


@pytest.mark.programs("pgrep")
def test_one_that_is_never_ready_is_gone_too() -> None:
    started = time.monotonic()
    with (
        pytest.raises(RolloutError, match="not ready after 1 s"),
        temporary_endpoint(["--never-ready"], command=SERVER, patience_seconds=1),
    ):
        pass
    assert time.monotonic() - started < 20
    assert children_of_this_process("tiny_server.py --never-ready") == []


def test_one_that_ends_is_an_error_with_its_output() -> None:
    with (
        pytest.raises(RolloutError, match="exit code 1: the port is mine"),
        temporary_endpoint(["--fail"], command=SERVER),
    ):
        pass


@pytest.mark.programs("pgrep")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_it_ends_with_a_parent_that_is_killed() -> None:
    code = (
        "import sys; from boathouse.endpoints.temporary import temporary_endpoint\n"
        f"with temporary_endpoint([], command={SERVER!r}) as address:\n"
        "    print(address, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port = parent.stdout.readline().strip().rpartition(":")[2]
        [server] = children_of_this_process(f"tiny_server.py --host 127.0.0.1 --port {port}")
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("level", "code"), [(60_000, 0), (1, 1)])
def test_the_command_checks_the_service_levels(
    address: str, tmp_path: Path, level: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from boathouse.cli.endpoints import endpoints

    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / "conf", tmp_path / "conf")
    rollouts = tmp_path / "conf/base/serving/rollouts.yml"
    text = rollouts.read_text().replace("p50_ms: 10 ", f"p50_ms: {level} ").replace("p99_ms: 100", "p99_ms: 60000")
    rollouts.write_text(text)
    (tmp_path / "requests.jsonl").write_text('{"wait":0.01}\n')
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    arguments = ["load-test", address, "--name", ENDPOINT, "--request", str(tmp_path / "requests.jsonl")]
    arguments += ["--rate", "20", "--seconds", "0.5", "--warm-up", "0", "--conf-source", str(tmp_path / "conf")]
    result = CliRunner().invoke(endpoints, arguments)
    assert result.exit_code == code, result.output
    assert ("service levels kept" in result.output) is (code == 0)
    assert ("not kept at 20/s: median" in result.output) is (code == 1)
