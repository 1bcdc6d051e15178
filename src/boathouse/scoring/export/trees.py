"""Tree ensembles as flat arrays, in the order in which their own library adds the leaves up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from boathouse.scoring.booster import read_booster
from boathouse.scoring.flavours import BoostedTreesEstimator

Comparison = Literal["less", "at most"]


@dataclass
class Trees:
    """Trees whose result is the sum of one leaf each, the first tree's first.

    Attributes:
        dtype: Precision in which features are compared and leaves are added.
        comparison: A row goes left if its feature is ``less`` than the split, or ``at most`` the split.
        roots: Number of each tree's first node.
        features: Column that each node looks at.
        splits: What it is held against.
        missing_left: Whether a missing value goes left.
        left: Number of the node or leaf on the left, and whether it is a leaf.
        right: The same on the right.
        leaves: Value of each leaf, in log-odds.
    """

    dtype: type[np.floating[Any]]
    comparison: Comparison
    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    left: list[tuple[int, bool]] = field(default_factory=list)
    right: list[tuple[int, bool]] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)

    def add(self, nodes: Sequence[Node], *, start: float) -> None:
        """Add one tree; ``start`` is added to its leaves, rounded as one addition of :attr:`dtype` is."""
        inner = [place for place, node in enumerate(nodes) if not node.is_leaf]
        numbers = {place: len(self.features) + number for number, place in enumerate(inner)}
        where: dict[int, tuple[int, bool]] = {place: (number, False) for place, number in numbers.items()}
        for place, node in enumerate(nodes):
            if node.is_leaf:
                where[place] = (len(self.leaves), True)
                self.leaves.append(float(self.dtype(start) + self.dtype(node.value)))
        # ONNX has no tree without a node: a lone leaf stands on both sides of one.
        branching = [nodes[place] for place in inner] or [Node(value=0.0, feature=0, left=0, right=0)]
        self.roots.append(len(self.features))
        for node in branching:
            self.features.append(node.feature)
            self.splits.append(node.value)
            self.missing_left.append(node.missing_left)
            self.left.append(where[node.left])
            self.right.append(where[node.right])


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of one tree: a leaf with a value, or a split at a value with two places to go on."""

    value: float
    feature: int = 0
    missing_left: bool = False
    left: int = -1
    right: int = -1

    @property
    def is_leaf(self) -> bool:
        """Whether the way ends here."""
        return self.left < 0


def read_xgboost(content: bytes) -> Trees:
    """Return the trees of a booster with a logistic objective, which compares and adds in single precision."""
    learner = read_booster(content)["learner"]
    base = np.float32(json.loads(learner["learner_model_param"]["base_score"])[0])
    # The intercept is stored as a probability; the booster begins its sum with its log-odds.
    start = -np.log(np.float32(1) / base - np.float32(1))
    trees = Trees(dtype=np.float32, comparison="less")
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        columns = ("split_conditions", "split_indices", "default_left", "left_children", "right_children")
        nodes = [
            Node(value=value, feature=feature, missing_left=bool(missing), left=left, right=right)
            for value, feature, missing, left, right in zip(*(tree[name] for name in columns), strict=True)
        ]
        trees.add(nodes, start=float(start) if number == 0 else 0.0)
    return trees


def read_hist_gradient_boosting(content: bytes) -> Trees:
    """Return the trees of a HistGradientBoostingClassifier, which compares and adds in double precision."""
    classifier = BoostedTreesEstimator(content).classifier
    start = float(np.ravel(classifier._baseline_prediction)[0])  # noqa: SLF001 - it has no public name
    trees = Trees(dtype=np.float64, comparison="at most")
    for number, (predictor,) in enumerate(classifier._predictors):  # noqa: SLF001
        nodes = [
            Node(value=float(row["value"]))
            if row["is_leaf"]
            else Node(
                value=float(row["num_threshold"]),
                feature=int(row["feature_idx"]),
                missing_left=bool(row["missing_go_to_left"]),
                left=int(row["left"]),
                right=int(row["right"]),
            )
            for row in predictor.nodes
        ]
        trees.add(nodes, start=start if number == 0 else 0.0)
    return trees


def read_rate_table(content: bytes) -> Trees:
    """Return the table as one tree: first missing or not, then one lower bound after the other."""
    raw = json.loads(content)
    column, bounds, odds = int(raw["column"]), raw["bounds"][1:], raw["log_odds"]
    # Below minus infinity is nothing but what is missing, which is sent left.
    nodes = [Node(value=-np.inf, feature=column, missing_left=True, left=1, right=2)]
    nodes.append(Node(value=float(raw["missing_log_odds"])))
    for bound, value in zip(bounds, odds, strict=False):
        here = len(nodes)
        nodes += [Node(value=bound, feature=column, left=here + 1, right=here + 2), Node(value=value)]
    nodes.append(Node(value=odds[-1]))
    trees = Trees(dtype=np.float64, comparison="less")
    trees.add(nodes, start=0.0)
    return trees
