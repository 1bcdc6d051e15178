"""One environment: where its tables, models, runs and data are, and what its configuration says.

Opened once by a command, a hook or a server and handed on. Opening it reads the globals alone and imports neither
MLflow nor an engine nor pandas; whatever else of conf is asked for is read then, and once.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from boathouse.errors import ConfigError
from boathouse.tables.engines.registry import choose_engine

if TYPE_CHECKING:
    from kedro.config import OmegaConfigLoader

    from boathouse.tables.location import TableLocation

BASE, DEFAULT = "base", "dev"
# The type of the catalog's entries that are what the ledger decided on.
_MODEL_ENTRY = "boathouse.lifecycle.datasets.DecidedVersionDataset"

Options = TypeVar("Options")


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: First part of the name of every table and registered model in it.
        lakehouse: ``{engine, root}``: who reads and writes its tables, and the folder that they are in.
        conf: Loader of its configuration, or the same as a mapping of section to content.
        conf_source: Folder or archive of the configuration.
    """

    name: str
    lakehouse: dict[str, str]
    conf: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    conf_source: Path = field(default=Path("conf"), compare=False)

    @classmethod
    def from_conf(cls, conf: Mapping[str, Any]) -> Environment:
        """Return the environment that ``conf``, such as the loader of a run, describes."""
        shared = conf["globals"]
        source = Path(getattr(conf, "conf_source", "conf"))
        return cls(shared["environment"], dict(shared["lakehouse"]), conf, source)

    @property
    def engine(self) -> str:
        """Who reads and writes tables: ``sail``, ``spark`` or ``databricks``."""
        return self.lakehouse["engine"]

    def table(self, name: str) -> TableLocation:
        """Return where the table ``<schema>.<table>`` is."""
        from boathouse.tables.location import TableLocation

        return TableLocation.from_lakehouse(f"{self.name}.{name}", self.lakehouse)

    def section(self, kind: str) -> dict[str, Any]:
        """Return one kind of configuration: ``globals``, ``catalog``, ``parameters``, ``mlflow``, ``endpoints``, ….

        Raises:
            MissingConfigException: If no file of conf is of this kind.
        """
        return dict(self.conf[kind])

    def options(self, kind: Callable[..., Options], *path: str) -> Options:
        """Return the group of conf at ``path``, such as ``("parameters", "governance")``, as the class ``kind``.

        Raises:
            ConfigError: If conf has no such group.
            OptionError: If a value of it is not allowed.
        """
        group: Any = self.section(path[0])
        for name in path[1:]:
            group = (group or {}).get(name)
        if group is None:
            where = f"{path[0]} of environment '{self.name}' in {self.conf_source}"
            message = f"No group '{'.'.join(path[1:])}' in the {where}. Add it to conf/base."
            raise ConfigError(message)
        return kind(**group)

    @property
    def endpoints(self) -> dict[str, Any]:
        """What conf says of each endpoint, by name; nothing without a file ``endpoints*.yml``."""
        from kedro.config import MissingConfigException

        try:
            return self.section("endpoints")
        except MissingConfigException:
            return {}

    @property
    def promoted_models(self) -> tuple[str, ...]:
        """Registered names of the models that pipelines promote: whose champion the catalog loads by its alias."""
        entries = [each for each in self.section("catalog").values() if each.get("type") == _MODEL_ENTRY]
        return tuple(dict.fromkeys(each["name"] for each in entries if each.get("alias")))

    @property
    def tracking_uri(self) -> str:
        """URI of the MLflow tracking store."""
        return str(self.section("mlflow")["server"]["mlflow_tracking_uri"])

    def use_mlflow(self) -> None:
        """Point MLflow at the environment's stores, for this process; importing it takes seconds."""
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        registry = self.section("mlflow")["server"].get("mlflow_registry_uri")
        if registry:
            mlflow.set_registry_uri(registry)

    def online_store_url(self, url: str | None = None) -> str:
        """Return ``url``, else BOATHOUSE_ONLINE_STORE, else a SQLite file of the environment in the data folder.

        ``{env}`` in it stands for the environment.
        """
        found = url or os.environ.get("BOATHOUSE_ONLINE_STORE") or f"sqlite:///{locate_data('online_{env}.db')}"
        return found.replace("{env}", self.name)

    @property
    def endpoint_log(self) -> TableLocation:
        """Where the inference log of its endpoints is."""
        return self.table("inference.endpoint_log")

    @property
    def endpoint_log_folder(self) -> Path:
        """Folder of the journals and of the salt of the inference log."""
        return Path(locate_data(f"endpoint_log/{self.name}"))

    @property
    def tokens_file(self) -> Path:
        """File of the hashed bearer tokens of its endpoints."""
        return Path(locate_data(f"tokens_{self.name}.json"))


def open_environment(name: str, conf_source: Path) -> Environment:
    """Return the environment ``name`` of the configuration at ``conf_source``.

    Raises:
        ConfigError: If there is no such configuration or environment; names those that there are.
    """
    require_environment(name, conf_source)
    return Environment.from_conf(_Sections(name, conf_source))


class _Sections(dict[str, Any]):
    """The configuration of one environment, each section read when it is first asked for."""

    def __init__(self, name: str, conf_source: Path) -> None:
        super().__init__()
        self._name, self.conf_source = name, conf_source
        # Its layer, under the name that Kedro's loader has for it.
        self.env = name

    def __missing__(self, kind: str) -> dict[str, Any]:
        # A loader for each section: ``${globals:…}`` stands for the globals of the loader that was opened last,
        # which may be another environment's.
        self[kind] = dict(open_conf(self._name, self.conf_source)[kind])
        section: dict[str, Any] = self[kind]
        return section


def open_conf(name: str, conf_source: Path) -> OmegaConfigLoader:
    """Return the loader of an environment's configuration, merged as in a run; the globals are read at once."""
    from kedro.config import OmegaConfigLoader

    return OmegaConfigLoader(str(conf_source), env=name, **CONFIG_LOADER_ARGS)


def list_environments(conf_source: Path) -> tuple[str, ...]:
    """Return the names of the environments in a conf folder, ``.tar.gz`` or ``.zip``, sorted; without base.

    Raises:
        ConfigError: If there is no configuration at ``conf_source``.
    """
    if conf_source.is_dir():
        names = {path.parent.name for path in conf_source.glob("*/*")}
    elif conf_source.is_file():
        # Archives hold one folder, in it one folder an environment.
        names = {parts[1] for name in _list_archive(conf_source) if len(parts := Path(name).parts) > 2}
    else:
        names = set()
    if BASE not in names:
        message = (
            f"No configuration at {conf_source}: expected a folder 'base' and one folder an environment. "
            "Run inside the project, or name the configuration with --conf-source."
        )
        raise ConfigError(message)
    return tuple(sorted(name for name in names - {BASE} if not name.startswith(".")))


def _list_archive(path: Path) -> list[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    with tarfile.open(path) as archive:
        return archive.getnames()


def require_environment(name: str, conf_source: Path) -> None:
    """Check that ``conf_source`` has the environment.

    Raises:
        ConfigError: If not; lists those that exist.
    """
    known = list_environments(conf_source)
    if name not in known and name != BASE:
        message = f"Unknown environment '{name}'. {conf_source} has: {', '.join(known)}."
        raise ConfigError(message)


def locate_data(folder: str = "") -> str:
    """Return the absolute path of ``folder`` under the data directory.

    The data directory is the environment variable ``BOATHOUSE_DATA``, else ``data`` in the
    current directory, which in a checkout is the project's own.
    """
    root = Path(os.environ.get("BOATHOUSE_DATA") or "data")
    return (root / folder).absolute().as_posix()


def locate_mlflow() -> str:
    """Return the MLflow tracking URI.

    ``MLFLOW_TRACKING_URI``, else the workspace's own on a Databricks runtime, else SQLite in the
    data directory.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    on_platform = "databricks" if os.environ.get("DATABRICKS_RUNTIME_VERSION") else ""
    return given or on_platform or f"sqlite:///{locate_data('mlflow.db')}"


def locate_artifacts() -> str | None:
    """Return where new experiments keep artifacts: beside a SQLite store, else as the server decides."""
    return f"file://{locate_data('mlartifacts')}" if locate_mlflow().startswith("sqlite:") else None


def locate_registry() -> str | None:
    """Return the registry's URI: Unity Catalog beside a Databricks tracking server, else that of tracking."""
    return "databricks-uc" if _tracks_to_databricks() else None


def name_experiment(environment: str) -> str:
    """Return the name of an environment's experiment; on Databricks an absolute path of the workspace.

    The path's folder is the environment variable ``BOATHOUSE_EXPERIMENTS``, else ``/Shared``.
    """
    name = f"boathouse-{environment}"
    if not _tracks_to_databricks():
        return name
    folder = os.environ.get("BOATHOUSE_EXPERIMENTS") or "/Shared"
    if not folder.startswith("/"):
        message = (
            f"BOATHOUSE_EXPERIMENTS is {folder!r}; allowed: the absolute path of a workspace folder, such as /Shared."
        )
        raise ConfigError(message)
    return f"{folder.rstrip('/')}/{name}"


def _tracks_to_databricks() -> bool:
    return locate_mlflow().partition(":")[0] == "databricks"


# How the folders of conf become one configuration; also what Kedro reads from settings.py.
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": BASE,
    "default_run_env": DEFAULT,
    # A nested key of an environment replaces that key alone, not its whole branch.
    "merge_strategy": {
        "globals": "soft",
        "parameters": "soft",
        "mlflow": "soft",
        "endpoints": "soft",
        "rollouts": "soft",
    },
    "config_patterns": {
        "mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"],
        "endpoints": ["endpoints*", "endpoints*/**", "**/endpoints*"],
        "rollouts": ["rollouts*", "rollouts*/**", "**/rollouts*"],
    },
    "custom_resolvers": {
        "boathouse.engine": choose_engine,
        "boathouse.data": locate_data,
        "boathouse.mlflow": locate_mlflow,
        "boathouse.registry": locate_registry,
        "boathouse.experiment": name_experiment,
        "boathouse.artifacts": locate_artifacts,
    },
}
