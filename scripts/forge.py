"""Where a pipeline runs, and the one way in which scripts ask its forge: GitHub or Azure DevOps."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 30


class ForgeError(Exception):
    """An answer that is an error; says what was asked, and of whom."""


@dataclass(frozen=True)
class Forge:
    """One repository on a forge.

    Attributes:
        kind: ``github`` or ``azure``.
        api: Address of its REST API, with the repository.
        token: Bearer of the rights; never printed.
        run_url: Page of the run.
    """

    kind: str
    api: str
    token: str
    run_url: str

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Return the answer as plain values; None if it has no body.

        Raises:
            ForgeError: If the forge refuses, does not answer, or has no such thing.
        """
        user = "Bearer " + self.token if self.kind == "github" else "Basic " + _encode(f":{self.token}")
        headers = {"Authorization": user, "Accept": "application/json", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the forge's own address
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ForgeError(f"{method} {self.api}{path} was answered with {error.code} {error.reason}.") from error
        except OSError as error:
            raise ForgeError(f"{method} {self.api}{path} was not answered: {error}.") from error
        return json.loads(text) if text else None

    def ask_all(self, path: str) -> list[Any]:
        """Return all pages of a list of GitHub, a hundred entries each."""
        found: list[Any] = []
        for page in range(1, 100):
            part = self.ask("GET", f"{path}{'&' if '?' in path else '?'}per_page=100&page={page}")
            found += part
            if len(part) < 100:
                break
        return found


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def find_forge(variables: Mapping[str, str] = os.environ) -> Forge | None:
    """Return the forge that the pipeline's own variables name; None outside of one.

    Raises:
        ForgeError: If there is one, and no token for it.
    """
    if repository := variables.get("GITHUB_REPOSITORY"):
        token = variables.get("GITHUB_TOKEN", "")
        if not token:
            raise ForgeError("No GITHUB_TOKEN. Give the step: env: GITHUB_TOKEN: ${{ github.token }}.")
        api = f"{variables.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{repository}"
        run = f"{variables.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}/actions/runs"
        return Forge("github", api, token, f"{run}/{variables.get('GITHUB_RUN_ID', '')}")
    if collection := variables.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"):
        token = variables.get("SYSTEM_ACCESSTOKEN", "")
        if not token:
            raise ForgeError("No SYSTEM_ACCESSTOKEN. Give the step: env: SYSTEM_ACCESSTOKEN: $(System.AccessToken).")
        project = f"{collection.rstrip('/')}/{variables['SYSTEM_TEAMPROJECTID']}"
        run = f"{project}/_build/results?buildId={variables.get('BUILD_BUILDID', '')}"
        api = f"{project}/_apis/git/repositories/{variables['BUILD_REPOSITORY_ID']}"
        return Forge("azure", api, token, run)
    return None
