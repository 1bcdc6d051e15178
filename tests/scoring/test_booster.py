"""A booster that is not complete, or not of a known kind, never reaches the library that might hang on it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
import xgboost

from boathouse.errors import UntrustedModelError
from boathouse.scoring.booster import count_features, read_booster
from boathouse.scoring.files import check_files, read_folder, seal_files
from boathouse.scoring.flavours import XgboostEstimator
from boathouse.scoring.scorer import load_scorer
from tests.scoring.test_scorer import make_files, make_sample

if TYPE_CHECKING:
    from pathlib import Path

FILES = make_files("xgboost")
CONTENT = FILES["booster.json"]
BOOSTER: dict[str, Any] = orjson.loads(CONTENT)

Change = Callable[[dict[str, Any]], Any]


def trees(booster: dict[str, Any]) -> list[dict[str, Any]]:
    return booster["learner"]["gradient_booster"]["model"]["trees"]


def set_in(found: dict[str, Any], value: object, *path: str | int) -> None:
    target: Any = found
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value


MODEL = ("learner", "gradient_booster", "model")
TREE = (*MODEL, "trees", 0)
CHANGES: dict[str, tuple[Change, str]] = {
    "a key beside": (lambda each: each.update(hook="os.system"), "the file: unknown keys"),
    "no version": (lambda each: each.pop("version"), "missing keys"),
    "a key in the learner": (lambda each: set_in(each, "x", "learner", "callback"), "learner: unknown keys"),
    "attributes": (lambda each: set_in(each, {"a": "b"}, "learner", "attributes"), "attributes"),
    "a ranking objective": (lambda each: set_in(each, "rank:ndcg", "learner", "objective", "name"), "rank:ndcg"),
    "no objective": (lambda each: set_in(each, None, "learner", "objective"), "objective is None"),
    "linear booster": (lambda each: set_in(each, "gblinear", "learner", "gradient_booster", "name"), "gblinear"),
    "several classes": (lambda each: set_in(each, "3", "learner", "learner_model_param", "num_class"), "num_class"),
    "a key in the model": (lambda each: set_in(each, [], *MODEL, "weight_drop"), "weight_drop"),
    "a tree too few": (lambda each: trees(each).pop(), "4 trees, but 5"),
    "rounds of several trees": (lambda each: set_in(each, [0, 5], *MODEL, "iteration_indptr"), "one tree a round"),
    "a key in a tree": (lambda each: set_in(each, [], *TREE, "leaf_vector"), "leaf_vector"),
    "a list cut short": (lambda each: trees(each)[0]["sum_hessian"].pop(), "entries"),
    "no nodes": (lambda each: set_in(each, "0", *TREE, "tree_param", "num_nodes"), "0 nodes"),
    "a child outside": (lambda each: set_in(each, 99, *TREE, "left_children", 0), "outside"),
    "a way in a circle": (lambda each: set_in(each, 0, *TREE, "left_children", 0), "outside"),
    "one child twice": (lambda each: set_in(each, 1, *TREE, "right_children", 0), "two ways|another parent"),
    "another parent": (lambda each: set_in(each, 2, *TREE, "parents", 1), "another parent"),
    "half a leaf": (lambda each: set_in(each, 1, *TREE, "right_children", -1), "two ways"),
    "a column outside": (lambda each: set_in(each, 7, *TREE, "split_indices", 0), "column"),
    "a column below zero": (lambda each: set_in(each, -1, *TREE, "split_indices", 0), "column"),
    "a categorical split": (lambda each: set_in(each, 1, *TREE, "split_type", 0), "finite number"),
    "a split at text": (lambda each: set_in(each, "a", *TREE, "split_conditions", 0), "could not convert"),
    "no trees": (lambda each: set_in(each, None, *MODEL, "trees"), "NoneType"),
    "a number beyond 64 bits": (lambda each: set_in(each, 2**64 - 1, *TREE, "left_children", 0), "int"),
}


def test_a_booster_is_complete_and_no_part_of_it_is() -> None:
    assert count_features(read_booster(CONTENT)) == 2
    for size in range(0, len(CONTENT), 7):
        with pytest.raises(UntrustedModelError, match=r"booster\.json is not"):
            XgboostEstimator(CONTENT[:size])
    with pytest.raises(UntrustedModelError):
        XgboostEstimator(CONTENT + b"}")


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_is_refused_and_named(name: str) -> None:
    change, message = CHANGES[name]
    changed = copy.deepcopy(BOOSTER)
    change(changed)
    content = orjson.dumps(changed)
    with pytest.raises((ValueError, TypeError, OverflowError), match=message):
        read_booster(content)
    with pytest.raises(UntrustedModelError):
        XgboostEstimator(content)


def test_of_a_key_given_twice_the_native_library_sees_what_was_checked() -> None:
    """A reader that takes the first of equal keys would see another objective than one that takes the last."""
    twice = CONTENT.replace(b'"learner":', b'"learner":{"objective":{"name":"rank:ndcg"}},"learner":', 1)
    assert twice != CONTENT
    matrix = make_sample().matrix
    assert XgboostEstimator(twice).log_odds(matrix).tobytes() == XgboostEstimator(CONTENT).log_odds(matrix).tobytes()


def test_it_scores_as_the_booster_that_was_fitted_and_as_its_binary_form() -> None:
    sample = make_sample()
    data = xgboost.DMatrix(sample.matrix.astype(np.float32), sample.label)
    fitted = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "seed": 1}, data, 30)
    binary = xgboost.Booster()
    binary.load_model(bytearray(fitted.save_raw("ubj")))
    found = XgboostEstimator(bytes(fitted.save_raw("json"))).log_odds(sample.matrix)
    for each in (fitted, binary):
        own = each.predict(xgboost.DMatrix(sample.matrix.astype(np.float32)), output_margin=True)
        assert found.tobytes() == own.astype(np.float64).tobytes()


def test_an_estimator_of_another_width_than_the_spec_is_refused() -> None:
    spec = FILES["spec.json"].replace(b'"a",\n    "b"', b'"a",\n    "b",\n    "c"')
    assert spec != FILES["spec.json"]
    with pytest.raises(UntrustedModelError, match=r"takes 2 column\(s\), its spec\.json names 3"):
        load_scorer(seal_files({"spec.json": spec, "booster.json": CONTENT}))


def test_the_binary_form_of_earlier_versions_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old = {"spec.json": FILES["spec.json"], "estimator.ubj": b"{"}
    with pytest.raises(UntrustedModelError, match=r"earlier version.*kedro run --pipeline training"):
        check_files(seal_files(old))
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UntrustedModelError, match="earlier version"):
        read_folder(tmp_path)
    (tmp_path / "model.pkl").touch()
    with pytest.raises(UntrustedModelError, match="'model.pkl'"):
        read_folder(tmp_path)
