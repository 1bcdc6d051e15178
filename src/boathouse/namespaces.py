"""Which catalog and schemas an environment has: the first two parts of the names of its tables and models.

A full name is ``<catalog>.<schema prefix><schema>.<name>``; code, contracts and messages speak of ``<schema>.<name>``.
An environment that is opened declares its namespace here, so that whatever has only a full name knows whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Namespace:
    """The names of one environment.

    Attributes:
        environment: Name of the environment, as ``--env`` takes it.
        catalog: First part of its names.
        schema_prefix: What each of its schemas begins with; empty, or ASCII letters, digits and ``_``, ending in ``_``.
    """

    environment: str
    catalog: str
    schema_prefix: str = ""

    @property
    def label(self) -> str:
        """The environment's name, with the prefix where there is one; for files and experiments."""
        return f"{self.environment}-{self.schema_prefix[:-1]}" if self.schema_prefix else self.environment

    @property
    def owner(self) -> str:
        """Catalog and prefix, for what belongs to one namespace alone; the environment's name by default."""
        return f"{self.catalog}.{self.schema_prefix[:-1]}" if self.schema_prefix else self.catalog

    def full_name(self, name: str) -> str:
        """Return the full name of ``<schema>.<name>``."""
        return f"{self.catalog}.{self.schema_prefix}{name}"

    def holds(self, name: str) -> bool:
        """Return whether the full ``name`` has this catalog and prefix."""
        catalog, _, rest = name.partition(".")
        return catalog == self.catalog and rest.startswith(self.schema_prefix)

    def shorten(self, name: str) -> str:
        """Return ``<schema>.<name>`` of a full name that it holds."""
        return name.partition(".")[2].removeprefix(self.schema_prefix)


_declared: dict[str, Namespace] = {}


def declare(namespace: Namespace) -> None:
    """Make known what an environment has in this process; the last declaration of an environment holds."""
    _declared.pop(namespace.environment, None)
    _declared[namespace.environment] = namespace


def namespace_of(environment: str) -> Namespace:
    """Return the declared namespace of ``environment``; by default the catalog that has its name."""
    return _declared.get(environment) or Namespace(environment, environment)


def find_namespace(name: str) -> Namespace:
    """Return the namespace that holds the full ``name``.

    That is the declared one with the longest prefix; of several, the one opened last. A name in a catalog of which only
    other schemas are declared belongs to the environment of that catalog, and one of an undeclared catalog to the
    environment of the same name.
    """
    catalog = name.partition(".")[0]
    newest_first = [each for each in reversed(_declared.values()) if each.catalog == catalog]
    holding = [each for each in newest_first if each.holds(name)]
    if holding:
        return max(holding, key=lambda each: len(each.schema_prefix))
    return Namespace(newest_first[0].environment if newest_first else catalog, catalog)


def name_environment(name: str) -> str:
    """Return the environment that a table or model belongs to, by its full name."""
    return find_namespace(name).environment


def shorten(name: str) -> str:
    """Return ``<schema>.<name>`` of the full name of a table or model."""
    return find_namespace(name).shorten(name)


def is_table(name: str, short: str) -> bool:
    """Return whether the full ``name`` is that of a table ``<schema>.<table>``, of whichever environment and prefix."""
    rest = name.partition(".")[2]
    return rest == short or rest.endswith(f"_{short}")


def find_prefix(name: str, short: str) -> str:
    """Return the schema prefix in the full ``name`` of the table ``short``; see :func:`is_table`."""
    return name.partition(".")[2].removesuffix(short)
