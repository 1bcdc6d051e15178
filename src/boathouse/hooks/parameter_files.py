"""In which file of the configuration a parameter stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kedro.config import OmegaConfigLoader


class ParameterFiles:
    """The files of one kind in ``base`` and in the run's environment, the latter first, for it wins."""

    def __init__(self, loader: OmegaConfigLoader, kind: str = "parameters") -> None:
        """Read the files lazily, at the first question, which only a faulty run asks."""
        self._loader, self._kind = loader, kind
        self._files: list[tuple[str, dict[str, Any]]] | None = None

    def find(self, path: str) -> str | None:
        """Return the file that sets ``path`` (``training.split.share``), or None if none does."""
        return next((name for name, content in self._read() if _has_path(content, path)), None)

    def say_where(self, path: str) -> str:
        """Return what gave ``path`` its value: ``--params``, which wins, or a file."""
        given = self._kind == "parameters" and _has_path(self._loader.runtime_params or {}, path)
        return "--params" if given else self.find(path) or "--params"

    def locate(self, path: str) -> str:
        """Return what :meth:`say_where` does, by the closest group of ``path`` that a file sets: lists have no keys."""
        while "." in path and self.find(path) is None and not _has_path(self._loader.runtime_params or {}, path):
            path = path.rpartition(".")[0]
        return self.say_where(path)

    def suggest(self, path: str) -> str:
        """Return the file in which ``path`` belongs: the one of its group, else by its name."""
        group = path
        while "." in group:
            group = group.rpartition(".")[0]
            if found := self.find(group):
                return found
        return f"conf/base/{group}/parameters_{group}.yml"

    def _read(self) -> list[tuple[str, dict[str, Any]]]:
        if self._files is None:
            self._files = list(self._walk())
        return self._files

    def _walk(self) -> Iterator[tuple[str, dict[str, Any]]]:
        loader = self._loader
        environments = [loader.env or loader.default_run_env, loader.base_env]
        for environment in dict.fromkeys(environments):
            folder = loader._get_conf_env_path(environment)  # noqa: SLF001  # Kedro keeps archives behind it
            patterns = loader.config_patterns[self._kind]
            names = {name for pattern in patterns for name in loader._fs.glob(f"{folder}/{pattern}")}  # noqa: SLF001
            for name in sorted(name for name in names if name.endswith((".yml", ".yaml", ".json"))):
                with loader._fs.open(name) as file:  # noqa: SLF001
                    yield _shorten(name, environment), yaml.safe_load(file) or {}


def _shorten(name: str, environment: str) -> str:
    """Return the path from ``conf`` on, wherever the configuration lies."""
    _, mark, rest = name.rpartition(f"/{environment}/")
    return f"conf/{environment}/{rest}" if mark else name


def _has_path(content: Mapping[str, Any], path: str) -> bool:
    value: Any = content
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
