"""A model as MLflow stores it: written with everything stated, read with everything checked."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stderr
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.core.errors import UntrustedModelError
from boathouse.core.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.core.scoring.files import ModelFiles, digest_of, read_folder, write_folder

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from boathouse.core.modelling import TrainedModel

LOADER = "boathouse.scorer"
# Libraries of each algorithm beyond those that the loader always needs.
_LIBRARIES = {
    "xgboost": ("xgboost",),
    "logistic_regression": (),
    "hist_gradient_boosting": ("scikit-learn", "skops", "shap"),
    "rate_table": (),
}


def log_model(model: TrainedModel, name: str, *, environment: str) -> str:
    """Log and register ``model``; return the new version.

    Signature and requirements are given, since inferring them takes ten seconds and can be wrong.
    """
    import mlflow
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "model"
        write_folder(model.files, data)
        info = mlflow.pyfunc.log_model(
            name=name.rsplit(".", 1)[-1],
            loader_module=LOADER,
            data_path=data.as_posix(),
            signature=make_signature(list(model.input_example)),
            pip_requirements=list_requirements(model.algorithm),
            input_example=pd.DataFrame([model.input_example], dtype="float64"),
        )
        # It tells of its success on standard error, in the middle of the progress of a run.
        with redirect_stderr(StringIO()):
            registered = mlflow.register_model(info.model_uri, name, tags=_tags_of(model, environment))
    return str(registered.version)


def make_signature(features: list[str]) -> ModelSignature:
    """Return inputs, outputs and parameters; Unity Catalog refuses a model without outputs."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    outputs = [("double", "probability"), ("long", "decision"), ("string", "reasons")]
    return ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec(dtype, name) for dtype, name in outputs]),
        params=ParamSchema([ParamSpec("explain", "boolean", default=False)]),
    )


def list_requirements(algorithm: str) -> list[str]:
    """Return the pinned requirements of a model of ``algorithm``."""
    names = ("boathouse", "mlflow", "numpy", "pandas", *_LIBRARIES[algorithm])
    return [f"{name}=={version(name)}" for name in names]


def check_flavour(folder: Path, name: str) -> Path:
    """Return the folder of the model's own files if MLflow would load it by nothing but our loader.

    Raises:
        UntrustedModelError: If the MLmodel file names another loader, code, or a path outside.
    """
    import yaml

    path = folder / "MLmodel"
    if not path.is_file():
        raise UntrustedModelError.foreign_loader(name, "a folder without MLmodel file")
    described: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    flavours = described.get("flavors", {})
    flavour = flavours.get("python_function", {})
    if set(flavours) != {"python_function"}:
        raise UntrustedModelError.foreign_loader(name, f"the flavours {sorted(flavours)}")
    if flavour.get("loader_module") != LOADER or flavour.get("code") or (folder / "code").exists():
        raise UntrustedModelError.foreign_loader(
            name, f"{flavour.get('loader_module')!r} with code {flavour.get('code')!r}"
        )
    data = (folder / str(flavour.get("data"))).resolve()
    if folder.resolve() not in data.parents:
        raise UntrustedModelError.foreign_loader(name, "files outside the model's folder")
    return data


def download_model(name: str, version: str) -> ModelFiles:
    """Return a version's own files, after a look at what MLflow would execute; nothing of it is executed.

    Raises:
        UntrustedModelError: If the version could execute foreign code or has files that a model has not.
    """
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        uri = f"models:/{name}/{version}"
        path = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        data = check_flavour(path, name)
        if not data.is_dir():
            raise UntrustedModelError.foreign_loader(name, "a missing data folder")
        return dict(read_folder(data))


def _tags_of(model: TrainedModel, environment: str) -> dict[str, str]:
    first, last = model.training_window
    looked_up = {}
    if FEATURE_SPEC in model.files:
        spec = FeatureSpec.from_json(model.files[FEATURE_SPEC])
        views = ",".join(f"{view.name}@{view.version}={view.digest}" for view in spec.views)
        looked_up = {"feature_spec_digest": spec.digest, "feature_views": views}
    return looked_up | {
        "stage": "registered",
        "algorithm": model.algorithm,
        "environment": environment,
        "training_window": f"{first.isoformat()[:10]}/{last.isoformat()[:10]}",
        "model_digest": digest_of(model.files),
    }
