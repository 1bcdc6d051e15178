"""The online store: the newest features of each key in a database, published in one step and looked up in one."""

from boathouse.core.scoring.feature_spec import ViewSpec
from boathouse.online_store.rows import FeatureRows, ServedFeatures, serve_features
from boathouse.online_store.store import LiveView, OnlineStore, Published

__all__ = ["FeatureRows", "LiveView", "OnlineStore", "Published", "ServedFeatures", "ViewSpec", "serve_features"]
