"""What every workflow has to keep: what it may do, what starts it, what it calls; faults in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.repository.workflow_files import GITHUB, ROOT, Job, Workflow, make_targets

Rule = Callable[[Workflow], Iterator[str]]

ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact", "actions/download-artifact"}
TASKS = {"UsePythonVersion@0", "DownloadPipelineArtifact@2"}
# What starts each workflow; whatever runs code of a fork with this repository's rights is in no list.
TRIGGERS = {
    "checks.yml": {"workflow_call"},
    "pull-request.yml": {"pull_request", "merge_group"},
    "staging.yml": {"push"},
    "nightly.yml": {"schedule", "workflow_dispatch"},
    "release.yml": {"push"},
    "deploy-prod.yml": {"workflow_dispatch"},
    "dependencies.yml": {"schedule", "workflow_dispatch"},
}
# The environment of each job that has one; only these may ask for the identity of the service principal.
ENVIRONMENTS = {
    ("staging.yml", "deploy"): "staging",
    ("nightly.yml", "integration"): "staging",
    ("deploy-prod.yml", "deploy"): "prod",
}
# What a job may write; everything else is read alone.
WRITES = {
    ("pull-request.yml", "comment"): {"pull-requests"},
    ("staging.yml", "results"): {"pull-requests"},
    ("nightly.yml", "results"): {"issues"},
    ("deploy-prod.yml", "results"): {"issues"},
    ("dependencies.yml", "results"): {"issues"},
    ("release.yml", "publish"): {"contents", "actions"},
    **{key: {"id-token"} for key in ENVIRONMENTS},
}
# What may be filled in: values that the forge makes itself, a ref that it has checked, settings of an environment.
EXPRESSIONS = {
    *("github.token", "github.ref", "github.base_ref", "github.ref_name", "github.run_id", "github.run_attempt"),
    *("github.repository", "github.event.pull_request.number"),
    *("vars.DATABRICKS_HOST", "vars.DATABRICKS_CLIENT_ID", "vars.DATABRICKS_WAREHOUSE_ID", "vars.BUNDLES"),
}
LONGEST_MINUTES = 120
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")


def check_pins(workflow: Workflow) -> Iterator[str]:
    """Actions are known ones, by the digest of a commit, with the version beside it."""
    for line in re.findall(r"uses: (.+)", workflow.text):
        name, _, comment = line.partition(" ")
        if name.startswith("./"):
            if not (ROOT / name).is_file():
                yield f"{name} is not there"
        elif not PINNED.fullmatch(name):
            yield f"{name} is not pinned by digest"
        elif name.split("@")[0] not in ACTIONS:
            yield f"{name} is no action that is used here"
        elif not re.fullmatch(r"# v\d+\.\d+\.\d+", comment):
            yield f"{name} has no comment with its version"


def check_triggers(workflow: Workflow) -> Iterator[str]:
    """Each file is started by what it is meant for."""
    if workflow.triggers != TRIGGERS[workflow.file]:
        yield f"is started by {sorted(workflow.triggers)}, expected {sorted(TRIGGERS[workflow.file])}"


def check_permissions(workflow: Workflow) -> Iterator[str]:
    """Nothing is allowed but what a job states, and it states no more than it needs."""
    if workflow.document.get("permissions") != {}:
        yield "permissions of the file are not {}"
    for job in workflow.jobs:
        found = job.document.get("permissions")
        if not isinstance(found, dict):
            yield f"job {job.name} states no permissions"
            continue
        writes = {name for name, level in found.items() if level == "write"}
        if writes != WRITES.get((workflow.file, job.name), set()):
            yield f"job {job.name} may write {sorted(writes)}"
        if others := {name for name, level in found.items() if level != "write"} - {"contents"}:
            yield f"job {job.name} may read {sorted(others)}"


def check_environments(workflow: Workflow) -> Iterator[str]:
    """Each job has the environment that it is meant for, and only one with an environment its settings."""
    for job in workflow.jobs:
        expected = ENVIRONMENTS.get((workflow.file, job.name))
        found = job.document.get("environment")
        if found != expected:
            yield f"job {job.name} has the environment {found}, expected {expected}"
        variables = job.document.get("env", {})
        if expected is None and "vars." in str(job.document):
            yield f"job {job.name} has no environment, and reads settings of one"
        if expected and variables.get("TARGET") != expected:
            yield f"job {job.name} acts on {variables.get('TARGET')} in the environment {expected}"
        if expected and variables.get("DATABRICKS_AUTH_TYPE") != "github-oidc":
            yield f"job {job.name} does not act by OIDC"


def check_expressions(workflow: Workflow) -> Iterator[str]:
    """No command has anything filled in, no secret is read, and nothing that a contributor can write is."""
    for job in workflow.jobs:
        for step in job.steps:
            if EXPRESSION.search(step.get("run", "")):
                yield f"job {job.name}: a command has something filled in: {step['run']}"
    for found in EXPRESSION.findall(workflow.text):
        if re.search(r"\bsecrets\b", found):
            yield f"the secret of {found}: there is none to keep"
        elif found not in EXPRESSIONS and not re.fullmatch(r"needs\.\w+\.result", found):
            yield f"fills in {found}"


def check_limits(workflow: Workflow) -> Iterator[str]:
    """Every job ends in time, and no two runs meet where one would disturb the other."""
    for job in workflow.jobs:
        if job.steps and not 0 < job.document.get("timeout-minutes", 0) <= LONGEST_MINUTES:
            yield f"job {job.name} has no timeout-minutes up to {LONGEST_MINUTES}"
    if workflow.triggers == {"workflow_call"}:
        return
    found = workflow.document.get("concurrency") or {}
    if not found.get("group"):
        yield "has no concurrency group"
    names = {environment for (file, _), environment in ENVIRONMENTS.items() if file == workflow.file}
    if names and (found.get("group") not in names or found.get("cancel-in-progress") is not False):
        yield f"runs beside others that change {names.pop()}, or is ended by them"


def check_checkouts(workflow: Workflow) -> Iterator[str]:
    """No checkout leaves a token behind, and none beside a token that may write is of a contributor's code."""
    for job in workflow.jobs:
        for step in job.steps:
            if not str(step.get("uses", "")).startswith("actions/checkout@"):
                continue
            given = step.get("with", {})
            if given.get("persist-credentials") is not False:
                yield f"job {job.name}: the checkout keeps its token"
            is_base = given.get("ref") == "${{ github.base_ref }}"
            if "pull_request" in workflow.triggers and WRITES.get((workflow.file, job.name)) and not is_base:
                yield f"job {job.name} has a token that may write beside code that no person reviewed"


def check_prod(workflow: Workflow) -> Iterator[str]:
    """Prod is deployed from a tag alone, what failed is undone, and nothing else acts on prod."""
    for job in workflow.jobs:
        if "prod" not in (job.document.get("environment"), job.document.get("env", {}).get("TARGET")):
            continue
        if workflow.file != "deploy-prod.yml":
            yield f"job {job.name} acts on prod"
            continue
        if job.document.get("if") != "startsWith(github.ref, 'refs/tags/v')":
            yield f"job {job.name} deploys what is no tag"
        runs = [step.get("run") for step in job.steps]
        undone = [str(step.get("if", "")) for step in job.steps if step.get("run") == "make rollback"]
        if not undone or not undone[0].startswith("failure()"):
            yield f"job {job.name} does not undo what failed"
        if runs.index("make release-verify") > runs.index("make deploy"):
            yield f"job {job.name} deploys before it has checked what"


def check_commands(workflow: Workflow) -> Iterator[str]:
    """Every line is a target of the Makefile, a script of this repository, or the forge's own tool for its releases."""
    for job, line in workflow.commands():
        yield from (f"job {job}: {line}: {fault}" for fault in find_command_faults(line))


def find_command_faults(line: str) -> Iterator[str]:
    """Give what is wrong with one line of a step."""
    words = shlex.split(line)
    match words:
        case ["make", *targets]:
            known = make_targets()
            yield from (f"no target {each}" for each in targets if each not in known)
            if not targets:
                yield "no target"
        case ["python3", script, *options] if script.startswith("scripts/"):
            yield from find_script_faults(script, options)
        case ["gh", "release", "create" | "download", *_]:
            pass
        case ["gh", "workflow", "run", file, *_]:
            if not (ROOT / GITHUB / file).is_file():
                yield f"no workflow {file}"
        case _:
            yield "is no target, script or release"


def find_script_faults(script: str, words: list[str]) -> Iterator[str]:
    """Give what is wrong with a call of a script: it is not there, or has no such option."""
    if not (ROOT / script).is_file():
        yield f"no file {script}"
        return
    known = re.findall(r'add_argument\(\s*"(--[\w-]+)"', (ROOT / script).read_text(encoding="utf-8"))
    yield from (f"{script} has no option {word}" for word in words if word.startswith("--") and word not in known)


def check_outside(workflow: Workflow) -> Iterator[str]:
    """What runs here names nothing that only one machine has."""
    if re.search(r"(?<![\w.])\.ci\b", workflow.text):
        yield "names .ci"


GITHUB_RULES: tuple[Rule, ...] = (
    check_pins,
    check_triggers,
    check_permissions,
    check_environments,
    check_expressions,
    check_limits,
    check_checkouts,
    check_prod,
    check_commands,
    check_outside,
)


def check_azure(workflow: Workflow) -> Iterator[str]:
    """The same for Azure DevOps, whose tasks are of the vendor and have no digest."""
    for job in workflow.jobs:
        if not 0 < int(job.document.get("timeoutInMinutes", 0)) <= LONGEST_MINUTES:
            yield f"job {job.name} has no timeoutInMinutes up to {LONGEST_MINUTES}"
        expected = ENVIRONMENTS.get((workflow.file, job.name))
        if job.document.get("environment") != expected:
            yield f"job {job.name} has the environment {job.document.get('environment')}, expected {expected}"
        if expected:
            yield from _check_azure_deployment(workflow, job, expected)
        for step in job.steps:
            yield from (f"job {job.name}: {fault}" for fault in _find_azure_step_faults(step))
    if re.search(r"(?i)\bsecret|password|client_?secret|\bpat\b", re.sub(r"#.*", "", workflow.text)):
        yield "names a secret: there is none to keep"


def _check_azure_deployment(workflow: Workflow, job: Job, expected: str) -> Iterator[str]:
    variables = job.document.get("variables", {})
    if variables.get("TARGET") != expected or {"group": f"boathouse-{expected}"} not in workflow.document["variables"]:
        yield f"job {job.name} has settings of another environment than {expected}"
    if variables.get("DATABRICKS_AUTH_TYPE") != "azure-devops-oidc":
        yield f"job {job.name} does not act by OIDC"
    if workflow.document.get("lockBehavior") != "sequential":
        yield f"runs beside others that change {expected}"
    if expected == "prod":
        stage = workflow.document["stages"][0]
        if stage.get("condition") != "startsWith(variables['Build.SourceBranch'], 'refs/tags/v')":
            yield "deploys what is no tag"
        undone = [step.get("condition") for step in job.steps if step.get("script") == "make rollback"]
        if undone != ["failed()"]:
            yield "does not undo what failed"


def _find_azure_step_faults(step: Mapping[str, Any]) -> Iterator[str]:
    if "task" in step and step["task"] not in TASKS:
        yield f"{step['task']} is no task that is used here"
    if re.search(r"\$[({\[]", step.get("script", "")):
        yield f"a command has something filled in: {step['script']}"
    if "checkout" in step and step.get("persistCredentials") != "false":
        yield "the checkout keeps its token"
    for name, value in step.get("env", {}).items():
        if (name, value) != ("SYSTEM_ACCESSTOKEN", "$(System.AccessToken)"):
            yield f"a step is given {name}"


AZURE_RULES: tuple[Rule, ...] = (check_azure, check_commands, check_outside)
