"""One environment: where its tables, models, runs and data are, and what its configuration says.

Opened once by a command, a hook or a server and handed on. Opening it reads the globals alone and imports neither
MLflow nor an engine nor pandas; whatever else of conf is asked for is read then, and once.
"""

from __future__ import annotations

import glob
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from boathouse.databricks.secrets import SecretReference, read_secret, refer_to_secret
from boathouse.errors import ConfigError
from boathouse.locations import (
    locate_artifacts,
    locate_data,
    locate_mlflow,
    locate_registry,
    name_experiment,
)
from boathouse.namespaces import Namespace, declare
from boathouse.plain_paths import plain_path
from boathouse.tables.engines.registry import choose_engine

if TYPE_CHECKING:
    from kedro.config import OmegaConfigLoader

    from boathouse.tables.location import TableLocation

BASE, DEFAULT = "base", "dev"
# What the two globals that make names may be.
_NAME_FORMS = {
    "catalog": ("[A-Za-z0-9_]+", "ASCII letters, digits and '_'"),
    "schema_prefix": ("[A-Za-z0-9_]*_", "ASCII letters, digits and '_', with '_' at its end, such as 'dev_alice_'"),
}
# The type of the catalog's entries that are what the ledger decided on.
_MODEL_ENTRY = "boathouse.lifecycle.datasets.DecidedVersionDataset"
# Secrets of an environment, by their names in conf, and the variable that holds each off the platform.
SECRETS = {"online_store": "BOATHOUSE_ONLINE_STORE", "log_salt": "BOATHOUSE_LOG_SALT"}

Options = TypeVar("Options")


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: Its name, as ``--env`` takes it.
        lakehouse: ``{engine, root}``: who reads and writes its tables, and the folder that they are in.
        conf: Loader of its configuration, or the same as a mapping of section to content.
        conf_source: Folder or archive of the configuration.
        catalog: First part of the name of every table and registered model in it; by default its name.
        schema_prefix: What the second part of each name begins with.
    """

    name: str
    lakehouse: dict[str, str]
    conf: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    conf_source: Path = field(default=Path("conf"), compare=False)
    catalog: str = ""
    schema_prefix: str = ""

    def __post_init__(self) -> None:
        """Declare which names are its own."""
        object.__setattr__(self, "catalog", self.catalog or self.name)
        declare(self.namespace)

    @classmethod
    def from_conf(cls, conf: Mapping[str, Any]) -> Environment:
        """Return the environment that ``conf``, such as the loader of a run, describes."""
        shared = conf["globals"]
        source = Path(getattr(conf, "named_source", getattr(conf, "conf_source", "conf")))
        names = {key: shared.get(key) or "" for key in ("catalog", "schema_prefix")}
        return cls(shared["environment"], dict(shared["lakehouse"]), conf, source, **names)

    @property
    def namespace(self) -> Namespace:
        """Catalog and schemas of its own."""
        return Namespace(self.name, self.catalog, self.schema_prefix)

    @property
    def engine(self) -> str:
        """Who reads and writes tables: ``sail``, ``spark`` or ``databricks``."""
        return self.lakehouse["engine"]

    def table(self, name: str) -> TableLocation:
        """Return where the table ``<schema>.<table>`` is."""
        from boathouse.tables.location import TableLocation

        return TableLocation.from_lakehouse(self.namespace.full_name(name), self.lakehouse)

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

        from boathouse.registry.first_use import prepare_store

        prepare_store(self.tracking_uri)
        mlflow.set_tracking_uri(self.tracking_uri)
        registry = self.section("mlflow")["server"].get("mlflow_registry_uri")
        if registry:
            mlflow.set_registry_uri(registry)

    def secret(self, name: str) -> SecretReference:
        """Return where a secret of :data:`SECRETS` is kept.

        ``{env}`` in a scope of conf stands for the environment, ``{schema_prefix}`` for its schema prefix.

        Raises:
            OptionError: If conf names it in another form than scope and key.
        """
        given = (self.section("globals").get("secrets") or {}).get(name) or {}
        prefix = str(self.section("globals").get("schema_prefix") or "")
        return refer_to_secret(name, given, names=(self.name, prefix), variable=SECRETS[name])

    def online_store_url(self, url: str | None = None) -> str:
        """Return ``url``, else the secret ``online_store``, else a SQLite file of the environment in the data folder.

        ``{env}`` in it stands for the environment, and its schema prefix if it has one.

        Raises:
            SecretError: If this is a Databricks runtime whose workspace does not give the secret that conf refers to.
        """
        found, label = url or read_secret(self.secret("online_store")) or "", self.namespace.label
        return found.replace("{env}", label) or f"sqlite:///{locate_data(f'online_{label}.db')}"

    def provide_log_salt(self) -> None:
        """Have this process, and those it starts, hash with the secret ``log_salt`` of the workspace, if there is one.

        Raises:
            SecretError: If this is a Databricks runtime whose workspace does not give the secret that conf refers to.
        """
        salt = read_secret(self.secret("log_salt"))
        if salt:
            os.environ[SECRETS["log_salt"]] = salt

    @property
    def endpoint_log(self) -> TableLocation:
        """Where the inference log of its endpoints is."""
        return self.table("inference.endpoint_log")

    @property
    def endpoint_log_folder(self) -> Path:
        """Folder of the journals and of the salt of the inference log."""
        return Path(locate_data(f"endpoint_log/{self.namespace.label}"))

    @property
    def tokens_file(self) -> Path:
        """File of the hashed bearer tokens of its endpoints."""
        return Path(locate_data(f"tokens_{self.namespace.label}.json"))


def open_environment(name: str, conf_source: Path, *, is_other: bool = False) -> Environment:
    """Return the environment ``name`` of the configuration at ``conf_source``.

    Args:
        name: Its name.
        conf_source: Folder or archive of the configuration.
        is_other: Whether it is not the one that the command is about: its names are then those of conf alone.

    Raises:
        ConfigError: If there is no such configuration or environment, or its catalog or schema prefix is none.
    """
    require_environment(name, conf_source)
    return Environment.from_conf(_Sections(name, conf_source, is_other=is_other))


class _Sections(dict[str, Any]):
    """The configuration of one environment, each section read when it is first asked for."""

    def __init__(self, name: str, conf_source: Path, *, is_other: bool) -> None:
        super().__init__()
        self._name, self.conf_source, self._is_other = name, conf_source, is_other
        # Its layer, under the name that Kedro's loader has for it.
        self.env = name

    def __missing__(self, kind: str) -> dict[str, Any]:
        # A loader for each section: ``${globals:…}`` stands for the globals of the loader that was opened last,
        # which may be another environment's.
        self[kind] = section = dict(open_conf(self._name, self.conf_source, is_other=self._is_other)[kind])
        return section


def open_conf(name: str, conf_source: Path, *, is_other: bool = False) -> OmegaConfigLoader:
    """Return the loader of an environment's configuration, merged as in a run; the globals are read at once."""
    from kedro.config import OmegaConfigLoader

    if not is_other:
        require_own_catalog(name, conf_source)
    loader = OmegaConfigLoader(name_conf(conf_source), env=name, **CONFIG_LOADER_ARGS)
    loader["globals"] = settle_names(loader["globals"], {} if is_other else os.environ)
    return loader


def require_own_catalog(name: str, conf_source: Path) -> None:
    """Check that the catalog that was given, if one was, is not the one that conf gives another environment.

    Rules go by the environment: with the catalog of prod, dev's would hold there. To be called before the loader of
    the environment is opened, since others are.

    Raises:
        ConfigError: If it is.
    """
    given = os.environ.get("BOATHOUSE_CATALOG")
    if given:
        _compare_catalogs(name, conf_source.absolute(), given)


@cache
def _compare_catalogs(name: str, conf_source: Path, given: str) -> None:
    def has(environment: str) -> bool:
        # Unity Catalog, and the disks of some machines, take PROD for prod.
        found = open_conf(environment, conf_source, is_other=True)["globals"].get("catalog")
        return str(found).lower() == given.lower()

    if has(name):
        return
    for other in list_environments(conf_source):
        if has(other):
            message = (
                f"Environment '{name}' was given the catalog '{given}' (--catalog or BOATHOUSE_CATALOG), which "
                f"{conf_source} gives environment '{other}'. Nothing was read or written. Take --env {other}, whose "
                "rules hold there, or give a catalog that no other environment has."
            )
            raise ConfigError(message)


def settle_names(shared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the globals ``shared`` with catalog, schema prefix and folder of reports as they hold.

    Args:
        shared: The globals as conf has them; left alone if they name no environment.
        given: ``BOATHOUSE_CATALOG`` and ``BOATHOUSE_SCHEMA_PREFIX`` come before conf unless empty.

    Raises:
        ConfigError: If catalog or prefix has another form.
    """
    if not shared.get("environment"):
        return dict(shared)
    settled = {**shared, "catalog": shared["environment"], "schema_prefix": ""}
    for key, (form, allowed) in _NAME_FORMS.items():
        value = str(given.get(f"BOATHOUSE_{key.upper()}") or shared.get(key) or settled[key])
        if value != settled[key] and not re.fullmatch(form, value):
            place = f"--{key.replace('_', '-')}, else BOATHOUSE_{key.upper()}, else {key} in its globals.yml"
            message = f"Environment '{shared['environment']}': expected as {key} ({place}) {allowed}; found {value!r}."
            raise ConfigError(message)
        settled[key] = value
    if settled["schema_prefix"] and shared.get("reports_folder"):
        settled["reports_folder"] = f"{shared['reports_folder']}/{settled['schema_prefix'][:-1]}"
    return settled


def name_conf(conf_source: Path) -> str:
    """Return the name under which Kedro reads a folder of configuration: it takes the folder's path for a pattern."""
    path = conf_source.absolute().as_posix()
    return plain_path(path) if glob.has_magic(path) and conf_source.is_dir() else str(conf_source)


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


def main() -> None:
    """Print the address of the MLflow store, made ready for use; the command behind ``make mlflow``."""
    from boathouse.registry.first_use import prepare_store

    uri = locate_mlflow()
    prepare_store(uri)
    sys.stdout.write(f"{uri}\n")


if __name__ == "__main__":
    main()
