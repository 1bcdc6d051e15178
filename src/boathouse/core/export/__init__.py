"""A model in a portable form: an ONNX graph and a folder that scores without this package."""

from boathouse.core.export.folder import Exported, export_model

__all__ = ["Exported", "export_model"]
