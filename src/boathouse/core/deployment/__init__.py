"""How a model comes into an environment: trained there, or trained elsewhere and copied."""

from boathouse.core.deployment.patterns import DeploymentOptions, Role, check_source, find_role

__all__ = ["DeploymentOptions", "Role", "check_source", "find_role"]
