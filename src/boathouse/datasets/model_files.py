"""A model as MLflow stores it: written with everything stated, read with everything checked."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stderr
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.core.modelling.result import HELD_OUT_TAG
from boathouse.core.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.core.scoring.files import SPEC, digest_of, write_folder
from boathouse.core.scoring.outputs import OUTPUTS
from boathouse.core.scoring.spec import ScorerSpec
from boathouse.datasets.model_checks import DIGEST_TAG, LOADER

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from boathouse.core.modelling import TrainedModel

# Libraries of each algorithm beyond those that the loader always needs.
_LIBRARIES = {
    "xgboost": ("xgboost", "orjson"),
    "logistic_regression": (),
    "hist_gradient_boosting": ("scikit-learn", "skops", "shap"),
    "rate_table": (),
}


def log_model(model: TrainedModel, name: str, *, environment: str, owner: str = "", description: str = "") -> str:
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
            signature=make_signature(list(model.input_example), ScorerSpec.from_json(model.files[SPEC]).task),
            pip_requirements=list_requirements(model.algorithm),
            input_example=pd.DataFrame([model.input_example], dtype="float64"),
        )
        # It tells of its success on standard error, in the middle of the progress of a run.
        with redirect_stderr(StringIO()):
            tags = _tags_of(model, environment) | ({"owner": owner} if owner else {})
            registered = mlflow.register_model(info.model_uri, name, tags=tags)
        if description:
            mlflow.MlflowClient().update_model_version(name, str(registered.version), description)
    return str(registered.version)


def make_signature(features: list[str], task: str = "binary") -> ModelSignature:
    """Return inputs, the outputs of the task and parameters; Unity Catalog refuses a model without outputs."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec(dtype, name) for name, dtype in OUTPUTS[task].signature]),
        params=ParamSchema([ParamSpec("explain", "boolean", default=False)]),
    )


def list_requirements(algorithm: str) -> list[str]:
    """Return the pinned requirements of a model of ``algorithm``."""
    names = ("boathouse", "mlflow", "numpy", "pandas", *_LIBRARIES[algorithm])
    return [f"{name}=={version(name)}" for name in names]


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
