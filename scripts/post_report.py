"""Post a Markdown report where people look: the summary of the run, the pull request, or an issue that stays open.

Usage: ``python scripts/post_report.py --report dist/report/report.md``. On a pull request, or on the one that brought
the commit, one comment is made and renewed by later runs. With ``--issue TITLE`` a failed run (``OUTCOME``) opens an
issue, or comments on it while it is open, and the next run that succeeds closes it. Needs Python alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.forge import Forge, ForgeError, find_forge

# GitHub refuses comments of more than 65,536 characters.
LONGEST = 60_000
AZURE_API = "api-version=7.1"


def main() -> None:
    """Post the report that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, required=True, help="Markdown file.")
    parser.add_argument("--issue", help="Title of the issue that a failed run opens.")
    given = parser.parse_args()
    try:
        print(post(given.report, os.environ, issue=given.issue))
    except ForgeError as error:
        sys.exit(str(error))


def post(report: Path, variables: Mapping[str, str], *, issue: str | None = None) -> str:
    """Post ``report``; return where, in words.

    Raises:
        ForgeError: If the forge refuses.
    """
    forge = find_forge(variables)
    text = read_report(report, forge)
    if summary := variables.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    if forge is None:
        return f"No pull request here; the report:\n\n{text}"
    if forge.kind == "azure":
        return post_to_azure(forge, text, variables)
    if issue:
        return keep_issue(forge, issue, text, passed=variables.get("OUTCOME") == "success")
    return comment(forge, report.stem, text, find_pull_requests(forge, variables))


def read_report(report: Path, forge: Forge | None) -> str:
    """Return the text to post, cut at what a comment may have, with a link to the run."""
    text = report.read_text(encoding="utf-8") if report.is_file() else "The run ended before it wrote its report."
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n\n… cut here; the whole is in the artifacts of the run."
    return f"{text}\n\n[Run and artifacts]({forge.run_url})" if forge else text


def find_pull_requests(forge: Forge, variables: Mapping[str, str]) -> list[int]:
    """Return the number of the pull request that runs, or of those that brought the commit."""
    if number := variables.get("PULL_REQUEST"):
        return [int(number)]
    found = forge.ask("GET", f"/commits/{variables['GITHUB_SHA']}/pulls")
    return [each["number"] for each in found if each.get("merged_at")]


def comment(forge: Forge, name: str, text: str, numbers: list[int]) -> str:
    """Make or renew the comment ``name`` of each pull request."""
    marker = f"<!-- boathouse {name} -->"
    for number in numbers:
        comments = forge.ask_all(f"/issues/{number}/comments")
        # Only one of an account that is a program: anybody may write the marker into a comment.
        own = [each for each in comments if each["body"].startswith(marker) and each["user"]["type"] == "Bot"]
        body = {"body": f"{marker}\n{text}"}
        if own:
            forge.ask("PATCH", f"/issues/comments/{own[-1]['id']}", body)
        else:
            forge.ask("POST", f"/issues/{number}/comments", body)
    return f"Posted on: {', '.join(f'#{number}' for number in numbers) or 'no pull request, the commit has none'}"


def keep_issue(forge: Forge, title: str, text: str, *, passed: bool) -> str:
    """Open, comment on or close the issue ``title``, by how the run ended."""
    issues = [each for each in forge.ask_all("/issues?state=open") if "pull_request" not in each]
    found = next((each["number"] for each in issues if each["title"] == title), None)
    if found is None:
        if passed:
            return "Passed, and no issue is open."
        opened = forge.ask("POST", "/issues", {"title": title, "body": text})
        return f"Opened: #{opened['number']}"
    forge.ask("POST", f"/issues/{found}/comments", {"body": text})
    if passed:
        forge.ask("PATCH", f"/issues/{found}", {"state": "closed", "state_reason": "completed"})
    return f"{'Closed' if passed else 'Commented on'}: #{found}"


def post_to_azure(forge: Forge, text: str, variables: Mapping[str, str]) -> str:
    """Add a thread to the pull request that runs, or to the one that brought the commit."""
    number = variables.get("SYSTEM_PULLREQUEST_PULLREQUESTID")
    if not number:
        query = {"queries": [{"type": "lastMergeCommit", "items": [variables["BUILD_SOURCEVERSION"]]}]}
        results = forge.ask("POST", f"/pullrequestquery?{AZURE_API}", query)["results"]
        requests = [each for result in results for found in result.values() for each in found]
        if not requests:
            return "Posted on: no pull request, the commit has none"
        number = str(requests[0]["pullRequestId"])
    thread = {"comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}], "status": "closed"}
    forge.ask("POST", f"/pullRequests/{number}/threads?{AZURE_API}", thread)
    return f"Posted on: !{number}"


if __name__ == "__main__":
    main()
