"""Who may ask, how much, how often, and for how long."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import stat
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError, TokenError
from boathouse.serving import access, invocation
from boathouse.serving.access import Rates
from boathouse.serving.bounds import Bounds
from boathouse.serving.tokens import TokenFile
from tests.fixtures.small_endpoint import as_records, make_rows
from tests.serving.conftest import Start
from tests.serving.test_app import JSON, RECORD, ask

BODY = {"dataframe_records": [RECORD]}


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_a_token_is_kept_as_a_hash_for_its_owner_alone(tokens: TokenFile) -> None:
    text = tokens.create("scoring-job", ["query"])
    assert text.split("_")[2] not in tokens.path.read_text(encoding="utf-8")
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    found = tokens.find(text)
    assert found is not None
    assert (found.name, found.scopes) == ("scoring-job", ("query",))


def test_what_is_no_token_is_not_found(tokens: TokenFile) -> None:
    text = tokens.create("a", ["query"])
    other = tokens.create("b", ["query"])
    crossed = "_".join([*text.split("_")[:2], other.split("_", 2)[2]])
    assert [tokens.find(each) for each in (text[:-1], text + "x", crossed, "", "bh__", text.upper())] == [None] * 6


def test_tokens_are_revoked_by_name_or_id_while_the_server_runs(tmp_path: Path, tokens: TokenFile) -> None:
    first, second = tokens.create("first", ["query"]), tokens.create("second", ["query", "manage"])
    servers = TokenFile(tokens.path)
    assert servers.find(first)
    tokens.revoke("first")
    tokens.revoke(second.split("_")[1])
    servers._checked = float("-inf")  # as a second later
    assert [servers.find(text) for text in (first, second)] == [None, None]
    with pytest.raises(TokenError, match="no token 'first'. Known: none"):
        tokens.revoke("first")


def test_names_and_scopes_are_checked(tokens: TokenFile) -> None:
    tokens.create("job", ["query"])
    for name, scopes, match in (
        ("job", ["query"], "already"),
        ("a b", ["query"], "no name"),
        ("c", ["all"], "Unknown scope"),
        ("d", [], "none given"),
    ):
        with pytest.raises(TokenError, match=match):
            tokens.create(name, scopes)


def test_two_who_create_at_once_lose_nothing(tokens: TokenFile) -> None:
    threads = [
        threading.Thread(target=TokenFile(tokens.path).create, args=(f"job-{number}", ["query"])) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens.read(now=True)) == 8


def test_a_broken_file_of_tokens_is_an_error_with_a_remedy(tokens: TokenFile) -> None:
    tokens.path.write_text("{", encoding="utf-8")
    with pytest.raises(TokenError, match="boathouse tokens create"):
        tokens.read(now=True)


def test_where_tokens_are_required_no_request_passes_without(start: Start, tokens: TokenFile) -> None:
    client, small = start(token_required=True)
    query, manage = tokens.create("job", ["query"]), tokens.create("admin", ["manage"])
    assert ask(client, BODY).status_code == 401
    assert ask(client, BODY).headers["www-authenticate"] == "Bearer"
    assert ask(client, BODY, **bearer("bh_000000000000_" + "a" * 43)).status_code == 401
    assert ask(client, BODY, authorization=f"Basic {query}").status_code == 401
    assert ask(client, BODY, **bearer(query)).status_code == 200
    assert ask(client, BODY, **bearer(manage)).status_code == 403
    for path in ("/metrics", "/openapi.json", "/version"):
        assert (client.get(path).status_code, client.get(path, headers=bearer(query)).status_code) == (401, 200)
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ping").status_code == client.get("/ready").status_code == 200
    small.service.access_log.flush()
    assert [json.loads(line).get("requester") for line in small.log.getvalue().splitlines()][4] == "job"


def test_management_is_never_open(start: Start, tokens: TokenFile) -> None:
    client, small = start()
    said: list[str] = []
    small.service.send = said.append
    query, manage = tokens.create("job", ["query"]), tokens.create("admin", ["manage"])
    for headers, status in (({}, 401), (bearer(query), 403), (bearer(manage), 202)):
        assert client.post("/manage/drain", headers=headers).status_code == status
    assert said == ["drain"]


def test_a_body_may_not_be_larger_than_declared_limits(start: Start) -> None:
    client, _ = start(limits={"max_body_bytes": 1000, "max_rows": 5})
    padded = json.dumps({**BODY, "padding": "x" * 2000}).encode()

    async def pieces() -> Any:
        for place in range(0, len(padded), 400):
            yield padded[place : place + 400]

    assert client.post("/invocations", content=padded, headers=JSON).status_code == 413
    assert client.post("/invocations", content=pieces(), headers=JSON).status_code == 413
    assert client.post("/invocations", content=b"{}" + b" " * 998, headers=JSON).status_code == 400
    many = ask(client, {"inputs": as_records(make_rows(6))})
    assert (many.status_code, many.json()["message"]) == (413, "The request has more than 5 rows. Divide it.")


def test_a_request_in_pieces_is_one_request(start: Start) -> None:
    client, _ = start()
    content = json.dumps(BODY).encode()

    async def pieces() -> Any:
        for byte in range(0, len(content), 7):
            yield content[byte : byte + 7]

    assert client.post("/invocations", content=pieces(), headers=JSON).json() == ask(client, BODY).json()


def test_a_request_that_takes_too_long_is_a_504(start: Start) -> None:
    client, small = start(limits={"timeout_ms": 30})

    async def slow() -> Any:
        yield b"{"
        await asyncio.sleep(5)

    answer = client.post("/invocations", content=slow(), headers=JSON)
    assert (answer.status_code, answer.json()["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert small.service.at_work == 0
    assert ask(client, BODY).status_code == 200


def test_a_full_queue_refuses_with_a_retry_time(start: Start) -> None:
    client, small = start(limits={"queue_length": 3})
    small.service.at_work = 3
    answer = ask(client, BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    small.service.at_work = 0
    assert ask(client, BODY).status_code == 200
    assert "boathouse_rejected_total 1" in client.get("/metrics").text


def test_each_caller_has_a_rate(start: Start, tokens: TokenFile) -> None:
    client, _ = start(limits={"requests_per_second": 0.5, "burst": 2})
    one, two = bearer(tokens.create("one", ["query"])), bearer(tokens.create("two", ["query"]))
    assert [ask(client, BODY, **one).status_code for _ in range(3)] == [200, 200, 429]
    assert int(ask(client, BODY, **one).headers["retry-after"]) == 2
    assert ask(client, BODY, **two).status_code == 200
    spoofed = {"x-forwarded-for": "10.0.0.1"}
    assert [ask(client, BODY, **spoofed).status_code for _ in range(3)] == [200, 200, 429]


def test_a_bucket_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: now[0])
    rates, limits = Rates(), LimitOptions(requests_per_second=10, burst=1)
    rates.take("a", limits)
    with pytest.raises(InvocationError):
        rates.take("a", limits)
    now[0] += 0.11
    rates.take("a", limits)


def test_a_file_of_tokens_is_not_read_for_every_request(tokens: TokenFile) -> None:
    text = tokens.create("job", ["query"])
    assert tokens.find(text)
    os.utime(tokens.path)
    opened = TokenFile.read(tokens)
    assert opened is tokens.read()


ENTRY = {
    "id": "0" * 12,
    "name": "a",
    "scopes": ["query"],
    "digest": "0" * 64,
    "created_at": "2026-01-01T00:00:00+00:00",
}
DAMAGED = {
    "empty": b"",
    "half": json.dumps([ENTRY]).encode()[:40],
    "binary": b"\x00\xff\xfe",
    "null": b"null",
    "a number": b"7",
    "a dictionary": b'{"a": 1}',
    "texts": b'["a"]',
    "nested": b"[" * 100_000,
    "a scope that is none": json.dumps([{**ENTRY, "scopes": "query"}]).encode(),
    "a digest that is none": json.dumps([{**ENTRY, "digest": 7}]).encode(),
    "a digest of other letters": json.dumps([{**ENTRY, "digest": "é" * 64}]).encode(),
    "an id that is none": json.dumps([{**ENTRY, "id": "../x"}]).encode(),
    "a name that is none": json.dumps([{**ENTRY, "name": ["a"]}]).encode(),
    "another key": json.dumps([{**ENTRY, "admin": True}]).encode(),
}


@pytest.mark.parametrize("kind", [*DAMAGED, "a folder", "a pipe"])
def test_a_damaged_file_of_tokens_refuses_and_names_the_reason(start: Start, kind: str) -> None:
    client, small = start(token_required=True)
    file = small.service.access.tokens
    token = file.create("desk", ["query", "manage"])
    headers = bearer(token)
    assert ask(client, BODY, **headers).status_code == 200
    file.path.rename(file.path.with_suffix(".good"))
    if kind == "a folder":
        file.path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file.path)
    else:
        file.path.write_bytes(DAMAGED[kind])
    file._checked = float("-inf")  # as a second later
    for path in ("/invocations", "/manage/reload"):
        for _ in range(2):
            answer = ask(client, BODY, path, **headers)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert ask(client, BODY).status_code == 401
    assert client.get("/health").json() == {"status": "degraded"}
    with pytest.raises(TokenError, match=r"tokens\.json") as caught:
        file.create("other", ["query"])
    assert "oathouse tokens create" in str(caught.value) or "Move it away" in str(caught.value)
    file.path.rmdir() if kind == "a folder" else file.path.unlink()
    file.path.with_suffix(".good").rename(file.path)
    file._checked = float("-inf")
    assert ask(client, BODY, **headers).status_code == 200
    assert client.get("/health", headers=headers).json()["tokens"] == "read"


def test_where_no_token_is_needed_a_damaged_file_refuses_no_query(start: Start) -> None:
    client, small = start()
    small.service.access.tokens.path.write_text("{")
    assert ask(client, BODY).status_code == 200
    assert ask(client, BODY, **bearer("bh_000000000000_" + "a" * 43)).status_code == 200
    health = client.get("/health").json()
    assert "was damaged or replaced" in health["tokens"]
    assert ask(client, BODY, "/manage/drain", **bearer("bh_000000000000_" + "a" * 43)).status_code == 503


def test_a_change_of_the_file_is_noted_once(tmp_path: Path) -> None:
    noted: list[str] = []
    file = TokenFile(tmp_path / "tokens.json", on_change=noted.append)
    file.path.write_text("x")
    for _ in range(3):
        with pytest.raises(TokenError):
            file.read(now=True)
    file.path.unlink()
    assert file.read(now=True) == {}
    assert [bool(problem) for problem in noted] == [True, False]


def test_a_file_of_tokens_that_cannot_be_reached_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder belongs")
    for attempt in (lambda file: file.read(), lambda file: file.create("a", ["query"]), lambda file: file.revoke("a")):
        with pytest.raises(TokenError, match="cannot be accessed .*Let this account read the file"):
            attempt(TokenFile(tmp_path / "data" / "tokens.json"))


def many(rows: int, **params: Any) -> dict[str, Any]:
    return {"dataframe_records": [RECORD] * rows, "params": params}


def test_reasons_are_given_for_a_limited_number_of_rows(start: Start) -> None:
    client, _ = start(limits={"max_explained_rows": 150})
    assert ask(client, many(200)).status_code == 200
    refused = ask(client, many(200, explain=True))
    assert (refused.status_code, "more than 150 rows to explain" in refused.json()["message"]) == (413, True)
    explained = ask(client, many(150, explain=True)).json()["predictions"]
    assert explained == [*ask(client, many(1, explain=True)).json()["predictions"]] * 150


def test_reasons_end_when_the_time_is_over(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client, small = start(limits={"timeout_ms": 1000, "max_explained_rows": 10_000})
    model = small.endpoint.state.models["champion"]
    explained: list[int] = []

    def explain_slowly(_: Any, matrix: Any, count: int) -> list[list[str]]:
        explained.append(len(matrix))
        time.sleep(0.1)
        return [["why"] * count] * len(matrix)

    monkeypatch.setattr(type(model.scorer), "reasons", explain_slowly)
    assert ask(client, many(5000, explain=True)).status_code == 504
    deadline = time.monotonic() + 20
    while small.endpoint.threads.at_work and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (small.endpoint.threads.at_work, max(explained)) == (0, 100)
    assert len(explained) < 45


def large_body() -> bytes:
    return json.dumps({"dataframe_records": [{**RECORD, "note": "x" * 100}] * 2000}).encode()


def test_large_bodies_are_parsed_in_threads_a_number_at_a_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client, small = start(limits={"timeout_ms": 200})
    parsing, go_on, names = small.app.invocations.parsing, threading.Event(), set()

    def parse(*_: Any, bounds: Bounds, **__: Any) -> Any:
        names.add(threading.current_thread().name.partition("_")[0])
        go_on.wait(20)
        bounds.rest()

    monkeypatch.setattr("boathouse.serving.invocation_handler.parse_invocation", parse)
    body = large_body()

    async def send() -> list[int]:
        sent = [client.session.post("/invocations", content=body, headers=JSON) for _ in range(20)]
        return sorted(answer.status_code for answer in await asyncio.gather(*sent))

    # Two work, fourteen wait, and four are refused at once; those that wait are given up in time.
    assert client.run(send()) == [503] * 4 + [504] * 16
    assert (parsing.at_work, names) == (2, {"parse"})
    go_on.set()
    deadline = time.monotonic() + 20
    while parsing.at_work and time.monotonic() < deadline:
        time.sleep(0.01)
    assert parsing.at_work == small.service.at_work == 0
    monkeypatch.undo()
    assert client.post("/invocations", content=body, headers=JSON).status_code == 200


@pytest.mark.parametrize(
    ("body", "is_small"),
    [
        (b'{"inputs":' + b"[" * 10_000, True),
        (b'{"inputs":["' + b"x" * 250_000 + b'"]}', True),
        (b'{"instances":[' + b"{}," * 30_000 + b"{}]}", False),
        (b"a\n" + b"1\n" * 30_000, False),
        (b'{"inputs":["' + b"x" * 270_000 + b'"]}', False),
    ],
)
def test_a_body_of_many_values_is_large_however_short(body: bytes, *, is_small: bool) -> None:
    assert invocation.is_small(body, "application/json") is is_small
    assert not invocation.is_small(body, "application/vnd.apache.parquet")


def test_large_bodies_share_a_memory(start: Start) -> None:
    client, small = start(limits={"max_body_bytes": 1_000_000, "timeout_ms": 3000})
    half_sent, go_on = threading.Semaphore(0), asyncio.Event()

    async def slow() -> Any:
        yield b" " * 900_000
        half_sent.release()
        await go_on.wait()
        yield json.dumps(BODY).encode()

    async def send() -> list[int]:
        sent = [
            asyncio.create_task(client.session.post("/invocations", content=slow(), headers=JSON)) for _ in range(9)
        ]
        _, waiting = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        held = small.service.bodies.held
        small_ones = await client.session.post("/invocations", content=json.dumps(BODY), headers=JSON)
        go_on.set()
        answers = [(await each).status_code for each in sent]
        return [len(waiting), held, small_ones.status_code, *sorted(answers)]

    # What was sent of eight is held; one more has to come again.
    assert client.run(send()) == [8, 8 * 900_000, 200, *[200] * 8, 503]
    assert small.service.bodies.held == 0


def test_a_packed_body_is_refused_as_such(start: Start) -> None:
    client, _ = start()
    answer = client.post("/invocations", content=b"x", headers={**JSON, "content-encoding": "gzip"})
    assert (answer.status_code, answer.text) == (415, "The body has to come without Content-Encoding. Got 'gzip'.")
    assert ask(client, BODY, **{"content-encoding": "identity"}).status_code == 200


def test_names_cost_no_more_than_their_length(start: Start) -> None:
    client, _ = start(limits={"max_columns": 50})
    own = [{**RECORD, f"name_{number}": 1} for number in range(47)]
    answer = ask(client, {"dataframe_records": own[:46]})
    assert (answer.status_code, "name_0" in answer.headers["warning"]) == (200, True)
    for wrapper in ("dataframe_records", "inputs"):
        refused = ask(client, {wrapper: own})
        assert (refused.status_code, refused.json()["message"]) == (
            413,
            "The request has more than 50 columns. Divide it.",
        )
    assert ask(client, {"inputs": {f"name_{number}": [1] for number in range(51)}}).status_code == 413
    assert ask(client, {"dataframe_split": {"columns": list(range(51)), "data": []}}).status_code == 413
    assert ask(client, {"dataframe_records": [{**RECORD, "x" * 501: 1}]}).status_code == 400


@pytest.mark.parametrize("text", ["1" * 20_000 + "x", "0." + "1" * 20_000 + "x", " " * 20_000 + "x"])
def test_a_long_text_that_is_no_number_is_read_in_one_pass(start: Start, text: str) -> None:
    client, _ = start()
    started = time.process_time()
    answers = [ask(client, {"dataframe_records": [{**RECORD, "bill": text}]})]
    answers.append(client.post("/invocations", content=f"bill\n{text}", headers={"content-type": "text/csv"}))
    assert [answer.status_code for answer in answers] == [400, 400]
    # Matched digit by digit in every way it takes half a minute.
    assert time.process_time() - started < 5


def test_nothing_of_a_refused_body_stays_in_memory(start: Start) -> None:
    client, _ = start(limits={"max_values": 1_000})
    body = b'{"instances":[' + b"[]," * 200_000 + b"[]]}"
    ask = partial(client.post, "/invocations", content=body, headers={"content-type": "application/json"})
    assert ask().status_code == 413
    gc.collect()
    gc.disable()
    try:
        assert ask().status_code == 413
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kept = {type(each).__name__ for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    # What others have left behind, as the client does, goes round in circles too.
    assert not kept & {"InvocationError", "RequestContext"}
