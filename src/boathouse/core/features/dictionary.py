"""The feature dictionary: one page on what every feature means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from boathouse.reports import render_markdown

if TYPE_CHECKING:
    from boathouse.core.features.feature_view import FeatureView
    from boathouse.core.scoring.on_demand import OnDemandFeature


def write_dictionary(views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> str:
    """Return the page as Markdown."""
    return render_markdown("feature_dictionary.md.j2", views=views, on_demand=on_demand)
