"""Feature views, and their join to the rows of a spine as known at each row's date."""

from typing import TYPE_CHECKING, Any

from boathouse.core.features.feature_view import Feature, FeatureView, Source

if TYPE_CHECKING:
    from boathouse.core.features.point_in_time import join_point_in_time

__all__ = ["Feature", "FeatureView", "Source", "join_point_in_time"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the function
    """Import the join when it is asked for: declaring a view needs no Spark."""
    if name != "join_point_in_time":
        raise AttributeError(name)
    from boathouse.core.features.point_in_time import join_point_in_time

    return join_point_in_time
