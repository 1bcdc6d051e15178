"""The online store: the newest features of each key in a database, published in one step and looked up in one."""

from boathouse.online_store.rows import FeatureRows
from boathouse.online_store.serving import ServedFeatures, serve_features
from boathouse.online_store.store import LiveView, OnlineStore, Published
from boathouse.online_store.views import OnlineView

__all__ = ["FeatureRows", "LiveView", "OnlineStore", "OnlineView", "Published", "ServedFeatures", "serve_features"]
