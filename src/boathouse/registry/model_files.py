"""A model as MLflow stores it: written with everything stated, read with everything checked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import UntrustedModelError
from boathouse.modelling.result import HELD_OUT_TAG, ModelSchema
from boathouse.registry.checks import DIGEST_TAG, LOADER, check_flavour, check_stored
from boathouse.registry.client import open_client
from boathouse.registry.tags import check_tags, split_tags
from boathouse.registry.wheels import FOLDER, WHEEL_TAG, ModelWheel, check_carried, choose_wheel
from boathouse.scoring.feature_spec import FEATURE_SPEC, SIGNATURE_TYPES, FeatureKind, FeatureSpec
from boathouse.scoring.files import SPEC, ModelFiles, digest_of, read_folder, write_folder
from boathouse.scoring.spec import OUTPUTS, ScorerSpec

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from boathouse.modelling.result import TrainedModel


# Libraries of each algorithm beyond those that the loader always needs.
_LIBRARIES = {
    "xgboost": ("xgboost", "orjson"),
    "logistic_regression": (),
    "hist_gradient_boosting": ("scikit-learn", "skops", "shap"),
    "rate_table": (),
}


def log_model(
    model: TrainedModel, name: str, *, environment: str, owner: str = "", description: str = "", wheel: str = "none"
) -> str:
    """Log and register ``model``; return the new version.

    Signature and requirements are given, since inferring them takes ten seconds and can be wrong.

    Args:
        model: The model.
        name: Registered name.
        environment: Environment that it is trained in.
        owner: Who answers for it.
        description: What it is.
        wheel: What its environment installs this package from; see :func:`boathouse.registry.wheels.choose_wheel`.
    """
    import mlflow
    import pandas as pd
    from mlflow.models import Model

    chosen = choose_wheel(wheel)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "model"
        write_folder(model.files, data)
        info = Model.log(
            artifact_path=None,
            name=name.rsplit(".", 1)[-1],
            flavor=_Stored(chosen),
            loader_module=LOADER,
            data_path=data.as_posix(),
            signature=make_signature(_kinds_of(model), ScorerSpec.from_json(model.files[SPEC]).task),
            pip_requirements=list_requirements(model.algorithm, chosen),
            input_example=pd.DataFrame([model.input_example], dtype="float64"),
        )
        # It reports success on standard error, in the middle of the progress of a run.
        with redirect_stderr(StringIO()):
            tags = _tags_of(model, environment) | {WHEEL_TAG: chosen.tag} | ({"owner": owner} if owner else {})
            check_tags(tags)
            registered = mlflow.register_model(info.model_uri, name, tags=split_tags(tags))
        if description:
            mlflow.MlflowClient().update_model_version(name, str(registered.version), description)
    return str(registered.version)


class _Stored:
    """MLflow's flavour ``pyfunc``, with the wheel beside the model if it is to be carried."""

    # By which MLflow names the flavour of a logged model.
    __name__ = "mlflow.pyfunc"

    def __init__(self, wheel: ModelWheel) -> None:
        self._wheel = wheel

    def save_model(self, path: str, **options: Any) -> None:  # noqa: ANN401 - MLflow's own, handed on
        """Write the files of a model; MLflow calls it."""
        import mlflow

        mlflow.pyfunc.save_model(path=path, **options)
        if self._wheel.content is not None:
            wheels = Path(path) / FOLDER
            wheels.mkdir()
            (wheels / self._wheel.name).write_bytes(self._wheel.content)


def _kinds_of(model: TrainedModel) -> dict[str, FeatureKind]:
    content = model.files.get(FEATURE_SPEC)
    spec = FeatureSpec(views=()) if content is None else FeatureSpec.from_json(content)
    return spec.kinds_of(model.input_example)


def make_signature(features: Mapping[str, FeatureKind], task: str = "binary") -> ModelSignature:
    """Return inputs, the outputs of the task and parameters; Unity Catalog refuses a model without outputs."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec(SIGNATURE_TYPES[kind], name, required=False) for name, kind in features.items()]),
        outputs=Schema([ColSpec(dtype, name) for name, dtype in OUTPUTS[task].signature]),
        params=ParamSchema([ParamSpec("explain", "boolean", default=False)]),
    )


def list_requirements(algorithm: str, wheel: ModelWheel | None = None) -> list[str]:
    """Return the requirements of a model of ``algorithm``: pinned libraries, and this package by the path of its wheel.

    Without a wheel this package is not among them: its bare name is one that anybody could give to a package of an
    index.
    """
    libraries = [f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas", *_LIBRARIES[algorithm])]
    return [*libraries, *filter(None, [wheel.requirement if wheel else ""])]


def _tags_of(model: TrainedModel, environment: str) -> dict[str, str]:
    first, last = model.training_window
    looked_up = {}
    if FEATURE_SPEC in model.files:
        spec = FeatureSpec.from_json(model.files[FEATURE_SPEC])
        views = ",".join(f"{view.name}@{view.version}={view.digest}" for view in spec.views)
        looked_up = {"feature_spec_digest": spec.digest, "feature_views": views}
    kept = {HELD_OUT_TAG: model.held_out} if model.held_out else {}
    return (
        looked_up
        | kept
        | {
            "stage": "registered",
            "algorithm": model.algorithm,
            "environment": environment,
            "training_window": f"{first.isoformat()[:10]}/{last.isoformat()[:10]}",
            DIGEST_TAG: digest_of(model.files),
        }
    )


def download_model(name: str, version: str) -> ModelFiles:
    """Return a version's own files; nothing of them is executed, their digests are not checked yet.

    Raises:
        UntrustedModelError: As :func:`download_version`.
    """
    return download_version(name, version)[0]


def download_version(
    name: str, version: str, tags: Mapping[str, str] | None = None
) -> tuple[ModelFiles, ModelSchema | None]:
    """Return a version's own files and its signature; nothing of them is executed.

    Args:
        name: Registered name.
        version: Its number.
        tags: The version's tags, by which the wheel beside the model is checked; None if they are not known.

    Raises:
        UntrustedModelError: If the version could execute foreign code or has files that a model has not.
    """
    import mlflow

    check_stored(open_client().get_model_version_download_uri(name, version), name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=folder))
        data, schema = check_flavour(path, name)
        if not data.is_dir():
            raise UntrustedModelError.foreign_loader(name, "a missing data folder")
        if tags is not None:
            check_carried(path, tags, name)
        return dict(read_folder(data)), schema
