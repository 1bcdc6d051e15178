"""The closed list of estimators that can be loaded: each from its own safe format."""

from __future__ import annotations

import json
from typing import Any, Protocol

import numpy as np

from boathouse.errors import UntrustedModelError
from boathouse.scoring.booster import count_features, read_booster
from boathouse.scoring.files import MAX_FILE_BYTES

# What readers of broken files raise.
_BROKEN = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError),
    *(EOFError, OSError, NotImplementedError),
)
# The only types beyond skops' own list that a HistGradientBoostingClassifier of scikit-learn 1.9 needs.
TRUSTED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


class Estimator(Protocol):
    """What a scorer needs of an estimator; a matrix has one row per case, missing values as NaN.

    Attributes:
        columns: Columns that the matrix has to have; None where it has to have at least those that are looked at.
    """

    columns: int | None

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Return the log-odds of each row."""

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return for each row and feature its share of the log-odds, in the matrix's shape."""


class XgboostEstimator:
    """A booster in XGBoost's own JSON."""

    file = "booster.json"
    columns: int | None

    def __init__(self, content: bytes) -> None:
        """Load the booster.

        Raises:
            UntrustedModelError: If it is none, or one of a kind that is not on the list.
        """
        import orjson
        import xgboost

        self._xgboost = xgboost
        self._booster = xgboost.Booster()
        try:
            checked = read_booster(content)
            self.columns = count_features(checked)
            self._booster.load_model(bytearray(orjson.dumps(checked)))
        except (xgboost.core.XGBoostError, *_BROKEN) as error:
            raise UntrustedModelError.unreadable(self.file) from error

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Return the margin of each row."""
        margin: np.ndarray = self._booster.inplace_predict(matrix.astype(np.float32), predict_type="margin")
        return margin.astype(np.float64)

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return exact tree SHAP values; the last column of the booster, the bias, is left out."""
        data = self._xgboost.DMatrix(matrix.astype(np.float32))
        shares: np.ndarray = self._booster.predict(data, pred_contribs=True)[:, :-1]
        return shares


class LinearEstimator:
    """A logistic regression on standardised features, medians for missing values, as JSON."""

    file = "estimator.json"
    columns: int | None

    def __init__(self, content: bytes) -> None:
        """Read medians, means, scales, coefficients and intercept."""
        raw = _read_json(content, self.file)
        names = ("medians", "means", "scales", "coefficients")
        try:
            self._medians, self._means, self._scales, self._coefficients = (
                np.array(raw[name], dtype=np.float64) for name in names
            )
            self._intercept = float(raw["intercept"])
            self.columns = len(self._coefficients)
        except (KeyError, TypeError, ValueError) as error:
            raise UntrustedModelError.unreadable(self.file) from error

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Return the linear predictor of each row."""
        # A sum along the row, not a matrix product: the same digits for one row as for many.
        odds: np.ndarray = self.contributions(matrix).sum(axis=1) + self._intercept
        return odds

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return coefficient times distance from the mean, in standard deviations."""
        filled = np.where(np.isnan(matrix), self._medians, matrix)
        shares: np.ndarray = (filled - self._means) / self._scales * self._coefficients
        return shares


class BoostedTreesEstimator:
    """A HistGradientBoostingClassifier in skops' format, which lists every type before it loads one."""

    file = "estimator.skops"
    columns: int | None

    def __init__(self, content: bytes) -> None:
        """Load the classifier.

        Raises:
            UntrustedModelError: If the file names a type outside the list; nothing of it is built then.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from skops.io import get_untrusted_types, loads
        from skops.io.exceptions import UntrustedTypesFoundException

        _check_archive(content, self.file)
        try:
            foreign = sorted(set(get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
            if foreign:
                raise UntrustedModelError.foreign_types(self.file, foreign)
            self.classifier: Any = loads(content, trusted=list(TRUSTED_TYPES))
        except (UntrustedTypesFoundException, *_BROKEN) as error:
            raise UntrustedModelError.unreadable(self.file) from error
        if type(self.classifier) is not HistGradientBoostingClassifier:
            raise UntrustedModelError.foreign_types(self.file, [type(self.classifier).__name__])
        self.columns = int(self.classifier.n_features_in_)

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Return the decision function of each row."""
        odds: np.ndarray = self.classifier.decision_function(matrix)
        return odds

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return exact tree SHAP values."""
        import shap

        shares: np.ndarray = shap.TreeExplainer(self.classifier).shap_values(matrix, check_additivity=False)
        return shares


class RateTableEstimator:
    """The rate of the label by the value of one feature: the rule a model has to beat, as JSON."""

    file = "estimator.json"
    columns: int | None = None

    def __init__(self, content: bytes) -> None:
        """Read the column, the lower bounds of its bins and the log-odds of each."""
        raw = _read_json(content, self.file)
        try:
            self._column, self._bounds = int(raw["column"]), np.array(raw["bounds"], dtype=np.float64)
            self._odds = np.array(raw["log_odds"], dtype=np.float64)
            self._missing = float(raw["missing_log_odds"])
        except (KeyError, TypeError, ValueError) as error:
            raise UntrustedModelError.unreadable(self.file) from error

    @property
    def column(self) -> int:
        """Place of the one feature."""
        return self._column

    @property
    def bounds(self) -> np.ndarray:
        """Least value of each group, ascending; the first group takes what is below it too."""
        return self._bounds

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Return the log-odds of the bin that each row falls into."""
        values = matrix[:, self._column]
        bins = np.clip(np.searchsorted(self._bounds, values, side="right") - 1, 0, len(self._odds) - 1)
        return np.where(np.isnan(values), self._missing, self._odds[bins])

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return the whole of the log-odds on the one feature, less that of a missing value."""
        shares = np.zeros(matrix.shape)
        shares[:, self._column] = self.log_odds(matrix) - self._missing
        return shares


FLAVOURS: dict[str, type[XgboostEstimator | LinearEstimator | BoostedTreesEstimator | RateTableEstimator]] = {
    "xgboost": XgboostEstimator,
    "logistic_regression": LinearEstimator,
    "hist_gradient_boosting": BoostedTreesEstimator,
    "rate_table": RateTableEstimator,
}


def _read_json(content: bytes, name: str) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UntrustedModelError.unreadable(name) from error
    return raw


def _check_archive(content: bytes, name: str) -> None:
    """Check what a zip archive would unpack to, before any of it is unpacked.

    Raises:
        UntrustedModelError: If it is no archive, or a small one of something huge.
    """
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = [each.file_size for each in archive.infolist()]
    except (zipfile.BadZipFile, *_BROKEN) as error:
        raise UntrustedModelError.unreadable(name) from error
    if sum(sizes) > MAX_FILE_BYTES:
        raise UntrustedModelError.too_large(name, len(sizes), sum(sizes), MAX_FILE_BYTES)
