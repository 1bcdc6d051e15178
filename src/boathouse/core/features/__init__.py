"""Feature views, and their join to the rows of a spine as known at each row's date."""

from boathouse.core.features.feature_view import Feature, FeatureView, Source
from boathouse.core.features.point_in_time import join_point_in_time

__all__ = ["Feature", "FeatureView", "Source", "join_point_in_time"]
