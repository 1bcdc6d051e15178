"""From a table to a sealed model: rows in a fixed order, leaks refused, everything stated."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import skops.io

from boathouse.errors import ModelError, OptionError
from boathouse.modelling import estimators
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, choose_threshold
from boathouse.modelling.estimators import FITS
from boathouse.modelling.leakage import (
    LeakageOptions,
    check_feature_times,
    check_label_times,
    check_leakage,
    missing_shares,
)
from boathouse.modelling.samples import Sample, add_unknown_rows, join_samples, number_entities, take_split
from boathouse.modelling.selection import FeatureOptions, finish_model, fit_trial
from boathouse.scoring.scorer import load_scorer
from tests.fixtures.modelling_sample import FEATURES, make_sample

DAY, NEXT = date(2005, 4, 30), date(2005, 5, 31)
TABLE = pd.DataFrame(
    {
        "owner_id": [2, 1, 2, 1, 9],
        "observed_on": [NEXT, NEXT, DAY, DAY, DAY],
        "split": ["train", "train", "train", "train", "test"],
        "late": [1, 0, 1, 0, 1],
        "a": [4.0, 2.0, 3.0, None, 9.0],
        "b": [40.0, 20.0, 30.0, 10.0, 90.0],
    }
)


def take(table: pd.DataFrame, split: str = "train") -> Sample:
    return take_split(table, split, features=["b", "a"], label="late", keys=["owner_id", "observed_on"])


def test_a_split_has_its_rows_in_the_order_of_keys_and_its_columns_as_asked() -> None:
    sample = take(TABLE.sample(frac=1, random_state=3))
    np.testing.assert_array_equal(sample.matrix, [[10, np.nan], [20, 2], [30, 3], [40, 4]])
    assert sample.label.tolist() == [0, 0, 1, 1]
    assert (sample.features, sample.window) == (("b", "a"), (DAY, NEXT))


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_split_with_one_label_or_no_row_is_refused(split: str) -> None:
    with pytest.raises(ModelError, match=f"{split}.*late|late.*{split}"):
        take(TABLE, split)


def with_feature(values: np.ndarray) -> Sample:
    sample = make_sample()
    matrix = sample.matrix.copy()
    matrix[:, 1] = values
    return Sample(features=sample.features, matrix=matrix, label=sample.label, window=sample.window)


LABEL = make_sample().label.astype(float)


@pytest.mark.parametrize(
    "values",
    [LABEL, -LABEL, np.where(LABEL == 1, np.nan, 3.0), np.where(LABEL == 1, 3.0, np.nan)],
    ids=["as the label", "opposite to it", "missing when it is 1", "missing when it is 0"],
)
def test_a_feature_that_alone_tells_the_label_is_named(values: np.ndarray) -> None:
    with pytest.raises(ModelError, match="noise") as error:
        check_leakage(with_feature(values), LeakageOptions(0.99))
    assert "signal" not in str(error.value)


def test_a_good_feature_is_no_leak() -> None:
    """The signal ranks about four of five pairs rightly: more than 0.75 and less than 0.99."""
    check_leakage(make_sample(), LeakageOptions(0.99))
    with pytest.raises(ModelError, match="signal") as error:
        check_leakage(make_sample(), LeakageOptions(0.75))
    assert "noise" not in str(error.value)


def dated(features: list[str | None], labels: list[str | None]) -> pd.DataFrame:
    """Return rows of 31 August with the dates of the features joined and of the labels' becoming known."""
    columns = {"on": ["2005-08-31"] * len(features), "boats_on": features, "known": labels}
    return pd.DataFrame({name: pd.to_datetime(values) for name, values in columns.items()})


def test_features_from_after_their_row_stop_the_training() -> None:
    honest = dated(["2005-08-31", "2005-07-31", None], ["2005-09-30"] * 3)
    check_feature_times(honest, time="on", found={"boats": "boats_on"})
    assert missing_shares(honest, {"boats": "boats_on"}) == {"boats_missing_share": pytest.approx(1 / 3)}
    with pytest.raises(ModelError, match=r"boats in 1 row"):
        check_feature_times(dated(["2005-09-01"], ["2005-09-30"]), time="on", found={"boats": "boats_on"})


@pytest.mark.parametrize("known", ["2005-10-01", None])
def test_labels_nobody_knew_stop_the_training(known: str | None) -> None:
    check_label_times(dated([None], ["2005-09-30"]), known="known", as_of=date(2005, 9, 30))
    with pytest.raises(ModelError, match=r"1 row\(s\) have a label whose known is after 2005-09-30"):
        check_label_times(dated([None] * 2, ["2005-09-30", known]), known="known", as_of=date(2005, 9, 30))


def test_a_finished_model_says_what_it_is_and_scores_as_it_was_measured() -> None:
    train, validation = make_sample(), make_sample(300, 8)
    trial = fit_trial(train, validation, {"algorithm": "xgboost", "rounds": 10, "max_depth": 2}, 1)
    model = finish_model(
        trial,
        train,
        validation,
        calibration=CalibrationOptions("platt"),
        costs=CostOptions(missed=5, false_alarm=1),
        label="late",
        reason_texts={name: f"The {name}" for name in (*FEATURES, "another")},
    )
    scorer = load_scorer(model.files)
    # Metrics, calibration and threshold are those of fits on train and the other half of validation.
    halves = np.arange(300) % 2
    numbers = np.empty(300)
    for half in (0, 1):
        seen = join_samples(train, validation.take(halves != half))
        fitted = fit_trial(seen, validation, {"algorithm": "xgboost", **trial.parameters}, 1)
        numbers[halves == half] = fitted.log_odds[halves == half]
    assert not np.array_equal(numbers, trial.log_odds)
    probability = scorer.spec.calibration.to_probability(numbers)
    brier = float(((probability - validation.label) ** 2).mean())
    assert model.metrics["brier_score"] == pytest.approx(brier, abs=1e-12)
    assert (model.algorithm, model.training_window) == ("xgboost", (train.window[0], validation.window[1]))
    assert scorer.spec.features == FEATURES
    assert set(scorer.spec.reason_texts) == set(FEATURES)
    costs = CostOptions(missed=5, false_alarm=1)
    assert scorer.spec.threshold == choose_threshold(probability, validation.label, costs)
    whole = np.concatenate([train.matrix, validation.matrix])
    medians = np.nanmedian(whole[:, :2], axis=0)
    # What ships has seen both.
    both = fit_trial(join_samples(train, validation), validation, {"algorithm": "xgboost", **trial.parameters}, 1)
    assert np.array_equal(scorer.estimator.log_odds(validation.matrix), both.log_odds)
    assert not np.array_equal(both.log_odds, trial.log_odds)
    assert model.input_example == pytest.approx({"signal": medians[0], "noise": medians[1], "empty": 0.0})


def rated(rows: int, missed_of_late: int) -> Sample:
    """Return ``rows`` of which every tenth is two months late; of the late ``missed_of_late`` in ten miss a payment."""
    late = np.where(np.arange(rows) % 10 == 0, 2.0, 0.0)
    missed = np.where(late > 0, (np.arange(rows) // 10) % 10 < missed_of_late, np.arange(rows) % 25 == 1)
    window = (date(2005, 4, 30), date(2005, 6, 30))
    return Sample(features=("late",), matrix=late[:, None], label=missed.astype(np.int64), window=window)


def test_a_rule_whose_rate_falls_with_the_newest_rows_still_acts() -> None:
    """The threshold that the earlier fit would choose at its own rate is one that what ships never reaches."""
    train, validation = rated(1000, 8), rated(1000, 6)
    trial = fit_trial(train, validation, {"algorithm": "rate_table", "feature": "late", "bins": 10}, 1)
    model = finish_model(
        trial,
        train,
        validation,
        calibration=CalibrationOptions("none"),
        costs=CostOptions(missed=5, false_alarm=1),
        label="missed",
        reason_texts={"late": "It is late"},
    )
    scorer = load_scorer(model.files)
    ships = scorer.predict(np.array([[0.0], [2.0]]))
    earlier = 1 / (1 + np.exp(-trial.log_odds.max()))
    assert ships[1] == pytest.approx((80 + 60 + 1) / (200 + 2), abs=1e-9)
    assert ships[1] < earlier
    assert scorer.decide(ships).tolist() == [0, 1]
    assert ships[0] < scorer.spec.threshold < ships[1]


def test_a_value_of_its_own_is_a_group_until_there_are_more_than_groups() -> None:
    """A value of a few rows is not judged by that of thousands beside it."""
    sample = rated(1000, 8)
    sample.matrix[:3, 0], sample.label[:3] = 1.0, 1
    few, many = (
        fit_trial(sample, sample, {"algorithm": "rate_table", "feature": "late", "bins": bins}, 1) for bins in (3, 2)
    )
    assert few.log_odds[0] == pytest.approx(np.log((3 + 1) / (0 + 1)))
    assert len(np.unique(few.log_odds)) == 3
    assert len(np.unique(many.log_odds)) <= 2


def test_of_a_row_of_which_nothing_is_known_the_mean_is_answered() -> None:
    """Without such rows in training, an arbitrary branch answers."""
    sample, unknown = make_sample(4000), np.full((1, 3), np.nan)
    candidate = {"algorithm": "hist_gradient_boosting", "max_iter": 40, "learning_rate": 0.2}
    answers = []
    for share in (0.0, 0.02):
        taught = add_unknown_rows(sample, share)
        added = taught.take(np.arange(len(sample.label), len(taught.label)))
        assert len(added.label) == 4000 * share
        assert np.isnan(added.matrix).all()
        model = finish_model(
            fit_trial(taught, make_sample(400, 8), candidate, 1),
            taught,
            make_sample(400, 8),
            calibration=CalibrationOptions("none"),
            costs=CostOptions(missed=5, false_alarm=1),
            label="late",
            reason_texts={name: f"The {name}" for name in FEATURES},
        )
        answers.append(float(load_scorer(model.files).predict(unknown)[0]))
    mean = sample.label.mean()
    assert abs(answers[1] - mean) < 0.1 * mean
    assert abs(answers[0] - mean) > abs(answers[1] - mean)


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_a_share_of_unknown_rows_is_in_range(share: float) -> None:
    with pytest.raises(OptionError, match="unknown_share"):
        FeatureOptions(excluded=[], unknown_share=share)


def test_rows_of_one_entity_are_in_one_half() -> None:
    """By the number of its keys, which is the same in every frame."""
    key = TABLE.columns[0]
    sample = take(pd.concat([TABLE, TABLE.assign(**{key: TABLE[key] + 10})]))
    numbers = number_entities(TABLE, [key])
    assert numbers[0] == numbers[2] != numbers[1]
    assert set(sample.entities.tolist()) >= set(numbers[:4].tolist())
    by_entity = dict(zip(sample.entities.tolist(), sample.halves.tolist(), strict=True))
    assert [by_entity[each] for each in sample.entities.tolist()] == sample.halves.tolist()
    assert len(by_entity) == 4
    assert number_entities(TABLE, []).tolist() == []


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [("xgboost", {"rounds": 20, "max_depth": 4}), ("hist_gradient_boosting", {"max_iter": 20})],
)
def test_a_fit_is_the_same_to_the_last_bit_whatever_cores_are_free(
    algorithm: str, parameters: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, scores = make_sample(), []
    for threads in (1, 2):
        monkeypatch.setattr(estimators, "free_threads", lambda most, threads=threads: threads)
        content = FITS[algorithm](sample, parameters, 1)
        if algorithm == "xgboost":
            scores.append(content)
        else:
            model = skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
            scores.append(model.decision_function(sample.matrix).tobytes())
    assert scores[0] == scores[1]
