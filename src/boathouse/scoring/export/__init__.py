"""A model in ONNX, in a folder that scores without this package."""
