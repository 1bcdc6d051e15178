"""Who may ask, how much, how often, and for how long."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError, TokenError
from boathouse.serving import access
from boathouse.serving.access import Rates
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
