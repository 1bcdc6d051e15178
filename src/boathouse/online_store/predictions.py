"""Published predictions: the view by which a batch run's scores are read by key."""

from __future__ import annotations

import hashlib

from boathouse.online_store.views import OnlineView

PREDICTION_FEATURES = ("probability", "decision", "model_version")


def prediction_view(model: str, keys: tuple[tuple[str, str], ...]) -> OnlineView:
    """Return the view of the newest prediction of each key by a registered model.

    Its time is the date that the prediction is as of; the version is a number, as versions of the registry are.

    Args:
        model: Registered name, ``<env>.<schema>.<model>``.
        keys: Key columns and their types.
    """
    declared = repr((keys, PREDICTION_FEATURES))
    return OnlineView(
        name=f"predictions_{model.rsplit('.', maxsplit=1)[-1]}",
        digest=hashlib.sha256(declared.encode()).hexdigest()[:16],
        keys=keys,
        features=PREDICTION_FEATURES,
    )
