"""Features of the use case that depend on the request: declared here in numpy, free of Spark."""

from __future__ import annotations

import numpy as np

from boathouse.scoring.on_demand import OnDemandFeature, RequestField


def compute_utilisation_after_request(bill_amt: np.ndarray, limit_bal: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Return which share of the limit is used once the requested amount is spent; NaN if bill or limit is.

    Bill and limit are stored features, the amount comes with the request.
    """
    used: np.ndarray = (bill_amt + amount) / limit_bal
    return used


ON_DEMAND_FEATURES = (
    OnDemandFeature(
        name="utilisation_after_request",
        description="Newest bill and requested amount over the credit limit; without a request the utilisation now.",
        unit="share",
        reason="How much of the credit limit is used",
        stored=("bill_amt", "limit_bal"),
        request=(
            RequestField(
                name="requested_amount",
                description="Amount that is about to be spent; null for none.",
                unit="NT$",
                default=0.0,
                minimum=0,
                maximum=1e8,
            ),
        ),
        compute=compute_utilisation_after_request,
    ),
)

# Fields of a stream request besides customer and day: those that features on demand are computed from.
REQUEST_FIELDS = tuple(field.given_column() for feature in ON_DEMAND_FEATURES for field in feature.request)
