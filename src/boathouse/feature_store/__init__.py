"""Feature tables kept up to date: refreshed and published by what changed, compared with what was served."""

from boathouse.feature_store.look_ups import LookUpLog, measure_consistency
from boathouse.feature_store.publishing import publish_view, purge_view
from boathouse.feature_store.records import read_statistics
from boathouse.feature_store.refreshing import FeatureRefresher, Refreshed

__all__ = [
    "FeatureRefresher",
    "LookUpLog",
    "Refreshed",
    "measure_consistency",
    "publish_view",
    "purge_view",
    "read_statistics",
]
