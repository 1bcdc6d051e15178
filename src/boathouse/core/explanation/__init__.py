"""What drives a model's scores."""

from boathouse.core.explanation.summary import Explanation, ExplanationOptions, explain

__all__ = ["Explanation", "ExplanationOptions", "explain"]
