"""A bundle deployed to the stand-in of a workspace: who acts there, what is made, and where files are."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from boathouse.bundle.documents import Bundle, ResolvedTarget, resolve_target
from boathouse.environment import Environment
from boathouse.problem.spec import UseCase
from boathouse.rehearsal.access import Access
from boathouse.rehearsal.connect import ConnectServer, serve_connect
from boathouse.rehearsal.environment import list_worker_folders
from boathouse.rehearsal.workspace.server import Workspace, serve_workspace
from boathouse.tables.engines import get_engine
from boathouse.tables.scope import SampleOptions, sample_entities

DEVELOPER = "ada@example.com"
EVERYBODY = "account users"
# Application ids of the service principals of the targets that no person deploys to.
SERVICE_PRINCIPALS = {
    "staging": "5f0c1a2b-0000-4f60-8a7b-000000000001",
    "prod": "5f0c1a2b-0000-4f60-8a7b-000000000002",
}
TARGETS = ("dev", "staging", "prod")
# Bytes of extracts up to which a Spark that optimises nothing takes less time: about 20,000 entities.
_LARGEST_OF_FEW = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One target of a bundle in a workspace that runs.

    Attributes:
        resolved: The bundle as it was deployed.
        principal: Who deployed it, and whom its jobs act as.
        approver: A second person.
        tokens: Token of each principal.
        workspace: The services of the workspace.
        connect: Its Spark.
        files: Local folder in the place of the workspace folder of the synced files.
        landing: Local folder in the place of the volume of the extracts.
    """

    resolved: ResolvedTarget
    principal: str
    approver: str
    tokens: Mapping[str, str] = field(repr=False)
    workspace: Workspace
    connect: ConnectServer
    files: Path
    landing: Path

    @property
    def name(self) -> str:
        """Name of the target."""
        return self.resolved.target

    def place(self, word: str) -> str:
        """Return a word of a task with the synced files where they are on this machine."""
        return word.replace(self.resolved.file_path, str(self.files))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is deployed.

    Attributes:
        bundle: The bundle.
        target: Name of the target.
        variables: Values of variables of the bundle that were given.
        approver: User name of the second person.
        conf: Folder of the configuration, as it was packed with the wheel.
        extracts: Folder of the extracts to deliver.
    """

    bundle: Bundle
    target: str
    variables: Mapping[str, str]
    approver: str
    conf: Path
    extracts: Path

    @property
    def approvers(self) -> str:
        """Group of those who approve, as the bundle names it."""
        default = self.bundle.document.get("variables", {}).get("approvers", {}).get("default", "")
        return str(self.variables.get("approvers", default))

    def deployer_of(self, target: str) -> str:
        """Return who deploys to ``target``."""
        given = self.variables.get("service_principal") if target == self.target else None
        return given or SERVICE_PRINCIPALS.get(target, DEVELOPER)


def take_part(book: Path, folder: Path, environment: Environment, use_case: UseCase) -> Path:
    """Return a folder with the extracts that the jobs of a target keep rows of; what they drop is not sent to them.

    Args:
        book: Folder of the extracts.
        folder: New folder for the part of it.
        environment: The target's; its ``data_prep.sample`` decides.
        use_case: Names the sources and the keys of an entity.

    Raises:
        OptionError: If the sample is none.
    """
    sample = SampleOptions(**environment.section("parameters")["data_prep"]["sample"])
    if sample.fraction == 1:
        return book
    from pyarrow import csv

    shutil.copytree(book, folder)
    session = get_engine("sail").session()
    for file in (folder / f"{source.name}.csv" for source in use_case.sources):
        if file.is_file():
            rows = session.read.options(header=True).csv(file.as_posix())
            csv.write_csv(sample_entities(rows, use_case.keys, sample).toArrow(), file)
    return folder


def _has_few_rows(extracts: Path) -> bool:
    return sum(file.stat().st_size for file in extracts.glob("*.csv")) < _LARGEST_OF_FEW


@contextmanager
def deploy(inputs: Inputs, folder: Path, *, python: Path, packages: Path) -> Iterator[Deployment]:
    """Run a workspace and deploy a target of a bundle to it.

    The catalogs of all targets are there, and the schemas of the others too, so that it is seen who may write where.

    Args:
        inputs: What is deployed.
        folder: Where files, tables and logs go.
        python: Interpreter of the tasks, which runs their functions in Spark.
        packages: Where the wheel is installed, which these functions import.

    Raises:
        BundleError: If the bundle cannot be resolved.
        EngineError: If Spark does not start.
    """
    access, tokens = Access(), {}
    others = [name for name in TARGETS if name != inputs.target and name in inputs.bundle.targets]
    for person, groups in ((DEVELOPER, ()), (inputs.approver, (inputs.approvers,))):
        tokens[person] = access.add_user(person, _make_token(), groups=("users", *groups)).token
    for principal in {inputs.deployer_of(name) for name in (*others, inputs.target)} - set(tokens):
        tokens[principal] = access.add_service_principal(principal, _make_token()).token
    volumes = folder / "workspace"
    with (
        serve_workspace(volumes, access) as workspace,
        serve_connect(
            folder / "spark",
            access,
            python=str(python),
            packages=list_worker_folders(python, packages),
            few_rows=_has_few_rows(inputs.extracts),
        ) as connect,
    ):
        workspace.catalog.find_table = connect.catalogs.exists
        for each in (*others, inputs.target):
            deployer = inputs.deployer_of(each)
            resolved = _resolve(inputs, each, volumes)
            _make_catalog(workspace, resolved.variables["catalog"], deployer)
            workspace.load_resources(resolved.resources, owner=deployer)
            _put_secrets(workspace, resolved, folder)
            for schema in resolved.resources.get("schemas", {}).values():
                connect.create_schema(schema["catalog_name"], schema["name"])
        files = folder / "files"
        shutil.copytree(inputs.conf, files / "conf")
        landing = Path(resolved.variables["landing"])
        shutil.copytree(inputs.extracts, landing / "01_raw")
        yield Deployment(
            resolved=resolved,
            principal=deployer,
            approver=inputs.approver,
            tokens=tokens,
            workspace=workspace,
            connect=connect,
            files=files,
            landing=landing,
        )


def _make_token() -> str:
    return f"dapi{secrets.token_hex(16)}"


def _resolve(inputs: Inputs, target: str, volumes: Path) -> ResolvedTarget:
    """Return the target with its landing volume below a local folder, which stands for ``/Volumes``."""
    deployer = inputs.deployer_of(target)
    # Training is rehearsed by itself: within the cycle it would make a second version.
    given = {"retraining": "false", "online_store": "true"}
    if target in SERVICE_PRINCIPALS:
        given["service_principal"] = deployer
    if target == inputs.target:
        given |= inputs.variables
    first = resolve_target(inputs.bundle, target, user=deployer, variables=given)
    landing = f"{volumes.absolute().as_posix()}{first.variables['landing']}"
    return resolve_target(inputs.bundle, target, user=deployer, variables={**given, "landing": landing})


def _put_secrets(workspace: Workspace, resolved: ResolvedTarget, folder: Path) -> None:
    """Put the secrets that jobs need into the scope of a target: an online store in a file, and a salt."""
    values = {"online-store": f"sqlite:///{folder / f'online_{resolved.target}.db'}", "log-salt": secrets.token_hex(16)}
    for scope in resolved.resources.get("secret_scopes", {}).values():
        workspace.secrets.scopes[scope["name"]].values.update({key: each.encode() for key, each in values.items()})


def _make_catalog(workspace: Workspace, name: str, deployer: str) -> None:
    """Make a catalog as an administrator does before the first deployment: all may look, one may make schemas."""
    workspace.catalog.add(name, "catalog", owner="administrators")
    workspace.access.grant(EVERYBODY, name, "USE_CATALOG")
    workspace.access.grant(deployer, name, "USE_CATALOG", "CREATE_SCHEMA")
