"""A sample with a signal, a noise and a hole, for the tests of modelling."""

from __future__ import annotations

from datetime import date

import numpy as np

from boathouse.core.modelling.matrix import Sample

FEATURES = ("signal", "noise", "empty")


def make_sample(rows: int = 400, seed: int = 5) -> Sample:
    """Return rows whose label follows the first feature; the third has no value."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, 3))
    matrix[::9, 1] = np.nan
    matrix[:, 2] = np.nan
    label = (matrix[:, 0] + generator.normal(size=rows) > 0.5).astype(np.int64)
    return Sample(features=FEATURES, matrix=matrix, label=label, window=(date(2005, 4, 30), date(2005, 6, 30)))
