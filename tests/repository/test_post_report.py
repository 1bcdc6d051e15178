"""A report reaches the pull request, or an issue that a later success closes, on both forges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.forge import ForgeError, find_forge
from scripts.post_report import LONGEST, post, read_report
from tests.fixtures.http_service import Service, serve

MARKER = "<!-- boathouse report -->"


def github(service: Service, **variables: str) -> dict[str, str]:
    return {
        "GITHUB_REPOSITORY": "bank/boathouse",
        "GITHUB_API_URL": service.url,
        "GITHUB_TOKEN": "t",
        "GITHUB_RUN_ID": "5",
        "GITHUB_SHA": "abc",
        **variables,
    }


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.md"
    path.write_text("ROC AUC 0.790", encoding="utf-8")
    return path


def comment(number: int, body: str, kind: str = "Bot") -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"type": kind}}


COMMENTS = "GET /repos/bank/boathouse/issues/7/comments"


def test_a_first_report_is_a_comment_and_part_of_the_summary(report: Path, tmp_path: Path) -> None:
    rules = {COMMENTS: lambda _: [], "POST .*/issues/7/comments": lambda _: {"id": 1}}
    summary = tmp_path / "summary.md"
    with serve(rules) as service:
        variables = github(service, PULL_REQUEST="7", GITHUB_STEP_SUMMARY=str(summary))
        assert post(report, variables) == "Posted on: #7"
        (sent,) = service.bodies("POST", ".*")
        assert {each.authorization for each in service.asked} == {"Bearer t"}
    assert sent["body"].startswith(f"{MARKER}\nROC AUC 0.790")
    assert "https://github.com/bank/boathouse/actions/runs/5" in sent["body"]
    assert "ROC AUC 0.790" in summary.read_text(encoding="utf-8")


def test_a_later_report_renews_the_own_comment_and_no_other(report: Path) -> None:
    there = [comment(1, "hello"), comment(2, f"{MARKER}\nold"), comment(3, f"{MARKER}\nforged", kind="User")]
    rules = {COMMENTS: lambda _: there, "PATCH .*/issues/comments/2": lambda _: {}}
    with serve(rules) as service:
        assert post(report, github(service, PULL_REQUEST="7")) == "Posted on: #7"
        assert [each.path for each in service.asked if each.method != "GET"] == [
            "/repos/bank/boathouse/issues/comments/2"
        ]


def test_all_pages_of_comments_are_read(report: Path) -> None:
    pages = {"1": [comment(number, "hello") for number in range(100)], "2": [comment(500, f"{MARKER}\nold")]}
    rules = {COMMENTS: lambda asked: pages[asked.query["page"]], "PATCH .*/comments/500": lambda _: {}}
    with serve(rules) as service:
        assert post(report, github(service, PULL_REQUEST="7")) == "Posted on: #7"


def test_a_merged_commit_reports_on_the_pull_request_that_brought_it(report: Path) -> None:
    found = [{"number": 7, "merged_at": "2026-01-01"}, {"number": 8, "merged_at": None}]
    rules = {
        "GET .*/commits/abc/pulls": lambda _: found,
        COMMENTS: lambda _: [],
        "POST .*/issues/7/comments": lambda _: {},
    }
    with serve(rules) as service:
        assert post(report, github(service)) == "Posted on: #7"


@pytest.mark.parametrize(
    ("open_issues", "outcome", "said", "sent"),
    [
        ([], "failure", "Opened: #9", ["POST issues"]),
        ([], "success", "Passed, and no issue is open.", []),
        (["Nightly"], "failure", "Commented on: #3", ["POST issues/3/comments"]),
        (["Nightly"], "success", "Closed: #3", ["POST issues/3/comments", "PATCH issues/3"]),
        (["Nightly"], "cancelled", "Commented on: #3", ["POST issues/3/comments"]),
        (["Another"], "failure", "Opened: #9", ["POST issues"]),
    ],
)
def test_an_issue_is_open_while_it_fails(
    report: Path, open_issues: list[str], outcome: str, said: str, sent: list[str]
) -> None:
    found = [{"number": 2, "title": "Nightly", "pull_request": {}}]
    found += [{"number": 3, "title": title} for title in open_issues]
    rules = {
        "GET .*/issues": lambda _: found,
        "POST .*/issues": lambda _: {"number": 9},
        "POST .*/comments": lambda _: {},
        "PATCH .*": lambda _: {},
    }
    with serve(rules) as service:
        assert post(report, github(service, OUTCOME=outcome), issue="Nightly") == said
        changes = [each for each in service.asked if each.method != "GET"]
    assert [f"{each.method} {each.path.removeprefix('/repos/bank/boathouse/')}" for each in changes] == sent


def azure(service: Service, **variables: str) -> dict[str, str]:
    return {
        "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": f"{service.url}/bank/",
        "SYSTEM_TEAMPROJECTID": "p",
        "SYSTEM_ACCESSTOKEN": "t",
        "BUILD_REPOSITORY_ID": "r",
        "BUILD_SOURCEVERSION": "abc",
        **variables,
    }


def test_azure_gets_a_thread(report: Path) -> None:
    rules = {"POST /bank/p/_apis/git/repositories/r/pullRequests/4/threads": lambda _: {}}
    with serve(rules) as service:
        assert post(report, azure(service, SYSTEM_PULLREQUEST_PULLREQUESTID="4")) == "Posted on: !4"
        (sent,) = service.bodies("POST", ".*threads")
    assert sent["comments"][0]["content"].startswith("ROC AUC 0.790")


def test_azure_finds_the_pull_request_of_a_merged_commit(report: Path) -> None:
    results = {"results": [{"abc": [{"pullRequestId": 4}]}]}
    rules = {"POST .*/pullrequestquery": lambda _: results, "POST .*/pullRequests/4/threads": lambda _: {}}
    with serve(rules) as service:
        assert post(report, azure(service)) == "Posted on: !4"


def test_a_refusal_names_what_was_asked(report: Path) -> None:
    with serve({}) as service, pytest.raises(ForgeError, match=r"GET .*comments.* answered with 404"):
        post(report, github(service, PULL_REQUEST="7"))


def test_a_forge_that_is_away_is_named() -> None:
    forge = find_forge({"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t", "GITHUB_API_URL": "http://127.0.0.1:9"})
    assert forge is not None
    with pytest.raises(ForgeError, match="was not answered"):
        forge.ask("GET", "/issues")


@pytest.mark.parametrize(
    "variables",
    [{"GITHUB_REPOSITORY": "a/b"}, {"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "http://host", "SYSTEM_TEAMPROJECTID": "p"}],
)
def test_a_missing_token_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(ForgeError, match="Give the step: env"):
        find_forge(variables)


def test_without_a_forge_the_report_is_printed(report: Path) -> None:
    assert "ROC AUC 0.790" in post(report, {})


def test_a_report_that_is_missing_or_too_long_is_said(tmp_path: Path) -> None:
    assert read_report(tmp_path / "gone.md", None) == "The run ended before it wrote its report."
    path = tmp_path / "long.md"
    path.write_text("x" * (LONGEST + 1), encoding="utf-8")
    assert "… cut here" in read_report(path, None)
