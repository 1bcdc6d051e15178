"""The model registry: versions, their files, and the checks before anything of them is loaded."""
