"""The ONNX graph of a model: features in; log-odds, probability and decision out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from boathouse.errors import ModelError
from boathouse.scoring.export.trees import Trees, read_hist_gradient_boosting, read_rate_table, read_xgboost
from boathouse.scoring.files import SPEC, ModelFiles
from boathouse.scoring.flavours import FLAVOURS
from boathouse.scoring.spec import Calibration, ScorerSpec

INPUT = "features"
# Operator sets that onnxruntime knows since 1.20; TreeEnsemble, which adds in double, came with the fifth.
_OPSET, _ML_OPSET, _IR_VERSION = 21, 5, 10
_MODES = {"at most": 0, "less": 1}
# Beyond these log-odds every probability is 0 or 1 in double precision.
_FAR = 800.0
_SLACK = 1e-12


class GraphBuilder:
    """Nodes and constants, gathered in order."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: Any = np.float64) -> str:  # noqa: ANN401 - whatever numpy takes
        """Return the name of a new constant."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def apply(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Return the name of the result of ``operator``."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name


def build_graph(files: ModelFiles) -> bytes:
    """Return the model as ONNX.

    The input ``features`` is double, rows by features in the order of the spec, NaN for missing. The outputs,
    one a row: ``log_odds`` before calibration and ``probability`` (double), ``decision`` (int32). Log-odds of
    trees have the same bits as the scorer's; the decision is taken on them, so that it is the same even where
    another machine's exponential differs in the last bit.

    Raises:
        ModelError: If the calibration does not rise with the log-odds, the task has no such form, or onnx is missing.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        message = "Exporting needs the libraries onnx and onnxruntime. Install them: pip install 'boathouse[edge]'."
        raise ModelError(message) from error

    spec = ScorerSpec.from_json(files[SPEC])
    if spec.task not in _ANSWERS:
        message = f"A model of the task '{spec.task}' has no form in ONNX; tasks that have one: {', '.join(_ANSWERS)}."
        raise ModelError(message)
    build = GraphBuilder()
    odds = _WRITERS[spec.algorithm](build, files[FLAVOURS[spec.algorithm].file])
    types = {"log_odds": TensorProto.DOUBLE, **_ANSWERS[spec.task](build, odds, spec)}
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["rows", len(spec.features)])]
    outputs = [helper.make_tensor_value_info(name, kind, ["rows"]) for name, kind in types.items()]
    graph = helper.make_graph(build.nodes, "scorer", inputs, outputs, initializer=build.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="boathouse")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _answer_binary(build: GraphBuilder, odds: str, spec: ScorerSpec) -> dict[str, int]:
    """Add probability and decision; return the type of each."""
    from onnx import TensorProto

    _calibrate(build, odds, spec.calibration)
    bound = build.constant(decision_bound(spec.calibration, spec.threshold))
    reached = build.apply("GreaterOrEqual", odds, bound)
    build.apply("Cast", reached, output="decision", to=TensorProto.INT32)
    return {"probability": TensorProto.DOUBLE, "decision": TensorProto.INT32}


# How the answer of each task follows from the estimator's number.
_ANSWERS: dict[str, Callable[[GraphBuilder, str, ScorerSpec], dict[str, int]]] = {"binary": _answer_binary}


def decision_bound(calibration: Calibration, threshold: float) -> float:
    """Return the log-odds from which on the calibrated probability reaches ``threshold``, found by halving.

    It is set lower by a part in 10^12, so that a sum taken in another order still reaches a bound it equals.

    Raises:
        ModelError: If the calibration does not rise with the log-odds.
    """
    falls = calibration.method == "platt" and calibration.x[0] <= 0
    if falls or (calibration.method == "isotonic" and np.any(np.diff(calibration.y) < 0)):
        raise ModelError(
            f"The model's calibration ({calibration.method}) does not rise with its log-odds, so that a decision has "
            "no single bound to be exported. A model like that ranks cases the wrong way round: train it again."
        )
    low, high = -_FAR, _FAR
    if _reaches(calibration, low, threshold):
        return -np.inf
    if not _reaches(calibration, high, threshold):
        return np.inf
    while np.nextafter(low, high) < high:
        middle = (low + high) / 2
        low, high = (low, middle) if _reaches(calibration, middle, threshold) else (middle, high)
    return high - _SLACK * max(1.0, abs(high))


def _reaches(calibration: Calibration, log_odds: float, threshold: float) -> bool:
    with np.errstate(over="ignore"):
        return bool(calibration.to_probability(np.array([log_odds]))[0] >= threshold)


def _calibrate(build: GraphBuilder, odds: str, calibration: Calibration) -> None:
    if calibration.method == "isotonic":
        _interpolate(build, odds, calibration.x, calibration.y)
        return
    slope, intercept = calibration.x if calibration.method == "platt" else (1.0, 0.0)
    scaled = build.apply("Add", build.apply("Mul", odds, build.constant(slope)), build.constant(intercept))
    grown = build.apply("Add", build.apply("Exp", build.apply("Neg", scaled)), build.constant(1.0))
    build.apply("Reciprocal", grown, output="probability")


def _interpolate(build: GraphBuilder, odds: str, x: Sequence[float], y: Sequence[float]) -> None:
    """Add the part of each step that has been climbed to the height of the first knot."""
    widths = np.diff(x)
    slopes = np.diff(y) / widths
    column = build.apply("Unsqueeze", odds, build.constant([1], np.int64))
    climbed = build.apply("Min", build.apply("Sub", column, build.constant(x[:-1])), build.constant(widths))
    heights = build.apply(
        "Mul", build.apply("Max", climbed, build.constant(np.zeros(len(widths)))), build.constant(slopes)
    )
    summed = build.apply("ReduceSum", heights, build.constant([1], np.int64), keepdims=0)
    build.apply("Add", summed, build.constant(y[0]), output="probability")


def _write_trees(build: GraphBuilder, trees: Trees) -> str:
    from onnx import TensorProto, numpy_helper

    single = trees.dtype is np.float32
    features = build.apply("Cast", INPUT, to=TensorProto.FLOAT) if single else INPUT
    left, right = zip(*trees.left, strict=True), zip(*trees.right, strict=True)
    (left_numbers, left_leaves), (right_numbers, right_leaves) = left, right
    modes = np.full(len(trees.features), _MODES[trees.comparison], dtype=np.uint8)
    total = build.apply(
        "TreeEnsemble",
        features,
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=1,
        post_transform=0,
        tree_roots=trees.roots,
        nodes_featureids=trees.features,
        nodes_modes=numpy_helper.from_array(modes, "modes"),
        nodes_splits=numpy_helper.from_array(np.array(trees.splits, dtype=trees.dtype), "splits"),
        nodes_missing_value_tracks_true=list(map(int, trees.missing_left)),
        nodes_truenodeids=list(left_numbers),
        nodes_trueleafs=list(map(int, left_leaves)),
        nodes_falsenodeids=list(right_numbers),
        nodes_falseleafs=list(map(int, right_leaves)),
        leaf_targetids=[0] * len(trees.leaves),
        leaf_weights=numpy_helper.from_array(np.array(trees.leaves, dtype=trees.dtype), "leaves"),
    )
    column = build.apply("Cast", total, to=TensorProto.DOUBLE)
    return build.apply("Squeeze", column, build.constant([1], np.int64), output="log_odds")


def _write_linear(build: GraphBuilder, content: bytes) -> str:
    raw = json.loads(content)
    missing = build.apply("IsNaN", INPUT)
    filled = build.apply("Where", missing, build.constant(raw["medians"]), INPUT)
    scaled = build.apply("Div", build.apply("Sub", filled, build.constant(raw["means"])), build.constant(raw["scales"]))
    shares = build.apply("Mul", scaled, build.constant(raw["coefficients"]))
    summed = build.apply("ReduceSum", shares, build.constant([1], np.int64), keepdims=0)
    return build.apply("Add", summed, build.constant(raw["intercept"]), output="log_odds")


_WRITERS: dict[str, Callable[[GraphBuilder, bytes], str]] = {
    "xgboost": lambda build, content: _write_trees(build, read_xgboost(content)),
    "hist_gradient_boosting": lambda build, content: _write_trees(build, read_hist_gradient_boosting(content)),
    "rate_table": lambda build, content: _write_trees(build, read_rate_table(content)),
    "logistic_regression": _write_linear,
}
