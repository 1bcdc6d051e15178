"""A look at XGBoost's JSON before the native library reads it: a complete booster of a known kind, and nothing more.

The native reader follows the node numbers it finds and ends the process, or never comes back, where they are wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# What a booster may be trained for. Objectives and boosters outside these lists change how leaves become numbers.
OBJECTIVES = frozenset({"binary:logistic"})
BOOSTERS = frozenset({"gbtree"})

_LEARNER = frozenset(
    {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"}
)
_MODEL = frozenset({"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"})
# Arrays with one entry per node, and those that only categorical splits fill.
_PER_NODE = (
    *("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian"),
)
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE = frozenset({*_PER_NODE, *_CATEGORIES, "id", "tree_param"})
# What stands for "no parent" at the root: the largest 32-bit number.
_NO_NODE = 2**31 - 1
# One number for each row: neither classes nor several targets.
_ONE_NUMBER = {"num_class": "0", "num_target": "1"}


def read_booster(content: bytes) -> dict[str, Any]:
    """Return the booster as plain values, checked: known keys, objective and kind, whole trees.

    Serialise what this returns for the native library rather than ``content``: a key given twice then cannot mean one
    thing here and another there.

    Raises:
        ValueError: Naming what is missing, unknown or out of range.
    """
    import orjson

    booster = orjson.loads(content)
    _require_keys("the file", booster, frozenset({"learner", "version"}))
    learner = booster["learner"]
    _require_keys("learner", learner, _LEARNER)
    _require_known("objective", learner["objective"], OBJECTIVES)
    _require_known("gradient_booster", learner["gradient_booster"], BOOSTERS)
    _require_keys("gradient_booster", learner["gradient_booster"], frozenset({"model", "name"}))
    shape = {name: learner["learner_model_param"][name] for name in _ONE_NUMBER}
    if learner["attributes"] or shape != _ONE_NUMBER:
        fault = f"learner has attributes, or gives more than one number for each row: {shape}"
        raise ValueError(fault)
    _check_trees(learner["gradient_booster"]["model"], count_features(booster))
    return booster  # type: ignore[no-any-return]


def count_features(booster: dict[str, Any]) -> int:
    """Return the number of columns that the booster takes."""
    return int(booster["learner"]["learner_model_param"]["num_feature"])


def _check_trees(model: dict[str, Any], features: int) -> None:
    _require_keys("model", model, _MODEL)
    trees = model["trees"]
    if len(trees) != int(model["gbtree_model_param"]["num_trees"]) or len(trees) != len(model["tree_info"]):
        fault = f"{len(trees)} trees, but {model['gbtree_model_param']['num_trees']} are announced"
        raise ValueError(fault)
    if (
        any(model["tree_info"])
        or any(model["cats"].values())
        or model["iteration_indptr"] != list(range(len(trees) + 1))
    ):
        fault = "expected one tree a round, numbers as features, and one sum of leaves for each row"
        raise ValueError(fault)
    for number, tree in enumerate(trees):
        _check_tree(number, tree, features)


def _check_tree(number: int, tree: dict[str, Any], features: int) -> None:
    """Check that every node has all its values, looks at a column that is there, and is reached in one way."""
    _require_keys(f"tree {number}", tree, _TREE)
    nodes = int(tree["tree_param"]["num_nodes"])
    lengths = {name: len(tree[name]) for name in _PER_NODE}
    if nodes < 1 or set(lengths.values()) != {nodes} or any(tree[name] for name in _CATEGORIES):
        fault = f"tree {number} has {nodes} nodes, its lists have {sorted(set(lengths.values()))} entries"
        raise ValueError(fault)
    left, right, parents, columns = (
        np.array(tree[name], dtype=np.int64) for name in ("left_children", "right_children", "parents", "split_indices")
    )
    inner = np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    outside = children.size and (children.min() < 1 or children.max() >= nodes)
    if outside or parents[0] != _NO_NODE or (parents[children] != np.tile(inner, 2)).any():
        fault = f"tree {number} is no tree: a node is outside it, or has another parent than it names"
        raise ValueError(fault)
    if len(np.unique(children)) != len(children) or (right[left == -1] != -1).any():
        fault = f"tree {number} is no tree: a node is reached in two ways"
        raise ValueError(fault)
    used = columns[inner]
    if ((used < 0) | (used >= features)).any() or int(tree["tree_param"]["num_feature"]) != features:
        fault = f"tree {number} looks at a column that the booster does not take"
        raise ValueError(fault)
    numbers = np.array([tree["split_conditions"], tree["base_weights"]], dtype=np.float64)
    if not np.isfinite(numbers).all() or any(tree["split_type"]):
        fault = f"tree {number} splits at something that is no finite number"
        raise ValueError(fault)


def _require_keys(where: str, found: object, allowed: frozenset[str]) -> None:
    keys = set(found) if isinstance(found, dict) else set()
    if keys != allowed:
        fault = f"{where}: unknown keys {sorted(keys - allowed)}, missing keys {sorted(allowed - keys)}"
        raise ValueError(fault)


def _require_known(where: str, found: object, known: frozenset[str]) -> None:
    name = found.get("name") if isinstance(found, dict) else None
    if name not in known:
        fault = f"{where} is {name!r}; known: {', '.join(sorted(known))}"
        raise ValueError(fault)
