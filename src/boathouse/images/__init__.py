"""Serving images: the build context of a model version, and a look at it where no container engine is."""
