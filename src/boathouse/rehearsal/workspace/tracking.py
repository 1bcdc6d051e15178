"""Experiments and runs: MLflow's own store and handlers behind the paths of the platform, with its rules in front."""

from __future__ import annotations

import json
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Answer, Request, Route, ServiceError
from boathouse.rehearsal.workspace.folders import SHARED, USERS

if TYPE_CHECKING:
    from flask import Flask

    from boathouse.rehearsal.workspace.folders import Folders
    from boathouse.rehearsal.workspace.permissions import Permissions

# Where runs keep artifacts whose experiment has no place of its own; clients reach it through the Files API.
_ARTIFACTS = "dbfs:/databricks/mlflow-tracking"
_PREFIXES = ("/api/2.0/mlflow/", "/api/3.0/mlflow/")
_REGISTRY = "/api/2.0/mlflow/unity-catalog/"
_KIND = "experiments"
_READS = ("get", "search", "list", "history")
# MLflow's handlers find their store in a variable of the process: one request at a time, whichever workspace it is of.
_LOCK = threading.Lock()


class Tracking:
    """Tracking of a workspace.

    An experiment's name is the absolute path of a folder and a name in it; the folder has to be there. Who makes it
    manages it, everybody those in ``/Shared``, others as permissions say.
    """

    def __init__(self, folder: Path, folders: Folders, permissions: Permissions) -> None:
        """Remember where the database will be; it is made at the first request."""
        self._path = folder / "tracking.db"
        self._folders, self._permissions = folders, permissions
        self._app: Flask | None = None
        self._store: Any = None
        self.routes = tuple(
            Route("tracking", verb, prefix + "{call*}", self._answer)
            for prefix in _PREFIXES
            for verb in ("GET", "POST", "PATCH", "DELETE")
        )

    @staticmethod
    def name_call(verb: str, path: str) -> str | None:
        """Return under which name a call is counted, ids left out; None if it is none of tracking."""
        if path.startswith(_REGISTRY) or not path.startswith(_PREFIXES):
            return None
        parts = path.split("/mlflow/", 1)[1].split("/")
        kept = [part for part in parts if not part.startswith(("m-", "tr-")) and not part.isdigit()]
        return f"tracking.{'/'.join(kept)}" + (f" {verb}" if len(kept) < len(parts) else "")

    def add_experiment(self, name: str, *, owner: str, artifact_location: str | None = None) -> str:
        """Make an experiment, with the folder that it lies in; return its id."""
        self._folders.add(PurePosixPath(name).parent.as_posix())
        with _LOCK:
            self._open()
            identifier = str(self._store.create_experiment(name, artifact_location))
        self._permissions.give(_KIND, identifier, owner, "CAN_MANAGE")
        return identifier

    def close(self) -> None:
        """Close the database."""
        if self._store is not None:
            self._store.engine.dispose()

    def _open(self) -> Flask:
        """Return the application of MLflow's handlers; opens the database at the first call."""
        if self._app is None:
            from flask import Flask
            from mlflow.protos.service_pb2 import MlflowService
            from mlflow.server import handlers
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            self._path.parent.mkdir(parents=True, exist_ok=True)
            make_store: Any = SqlAlchemyStore
            list_endpoints: Any = handlers.get_service_endpoints
            self._store = make_store(f"sqlite:///{self._path.absolute()}", _ARTIFACTS)
            app = Flask("tracking")
            for path, handler, methods in list_endpoints(MlflowService, handlers.get_handler):
                if path.startswith("/api/"):
                    app.add_url_rule(path, handler.__name__, handler, methods=methods)
            self._app = app
        return self._app

    def _answer(self, request: Request) -> Answer:
        with _LOCK:
            app = self._open()
            self._check(request)
            answered = self._call(app, request)
        content, status = answered.get_data(), answered.status_code
        if request.asked["call"] == "experiments/create" and status == 200:
            made = json.loads(content)["experiment_id"]
            self._permissions.give(_KIND, made, request.principal, "CAN_MANAGE")
        return Answer(content=content, kind="application/json", status=status)

    def _call(self, app: Flask, request: Request) -> Any:  # noqa: ANN401 - of the application's own class
        from mlflow.server import handlers

        before = handlers._tracking_store  # noqa: SLF001 - the only way to give the handlers a store
        handlers._tracking_store = self._store  # noqa: SLF001 - as above
        try:
            return app.test_client().open(
                request.path,
                method=request.verb,
                query_string=request.query,
                data=request.body,
                content_type="application/json",
            )
        finally:
            handlers._tracking_store = before  # noqa: SLF001 - as above

    def _check(self, request: Request) -> None:
        """Check name and folder of a new experiment, else the rights on those that the request is about."""
        if request.asked["call"] == "experiments/create":
            self._check_name(request, str(request.need("name")))
            return
        level = "CAN_READ" if request.asked["call"].endswith(_READS) or request.verb == "GET" else "CAN_EDIT"
        for identifier in self._find_experiments(request):
            if not self._is_shared(identifier):
                self._permissions.require(request.principal, _KIND, identifier, level)

    def _check_name(self, request: Request, name: str) -> None:
        if not name.startswith("/"):
            raise ServiceError.invalid(
                f"Got an invalid experiment name '{name}'. An experiment name must be an absolute path within the "
                f"Databricks workspace, e.g. '{USERS}/<some-username>/my-experiment'."
            )
        parent = PurePosixPath(name).parent.as_posix()
        if not self._folders.has(parent):
            raise ServiceError("RESOURCE_DOES_NOT_EXIST", f"Workspace directory '{parent}' does not exist.")
        if not self._folders.may_write(request.principal, parent):
            raise ServiceError.denied(f"{request.principal} does not have Edit permissions on {parent}.")

    def _find_experiments(self, request: Request) -> list[str]:
        """Return the ids of the experiments that a request names, by themselves or by a run."""
        from mlflow.exceptions import MlflowException

        asked = request.asked
        named = asked.get("experiment_ids") or asked.get("experiment_id") or []
        found = [str(each) for each in (named if isinstance(named, list) else [named])]
        run = asked.get("run_id") or asked.get("run_uuid")
        try:
            if run:
                found.append(str(self._store.get_run(run).info.experiment_id))
            name = asked.get("experiment_name")
            known = self._store.get_experiment_by_name(name) if name else None
        except MlflowException:
            return found
        return [*found, *([str(known.experiment_id)] if known else [])]

    def _is_shared(self, identifier: str) -> bool:
        """Return whether everybody may use an experiment; one that is not there, the handlers answer for."""
        from mlflow.exceptions import MlflowException

        try:
            name = str(self._store.get_experiment(identifier).name)
        except MlflowException:
            return True
        return name.startswith(f"{SHARED}/") or name == "Default"
