"""YAML files read strictly: a mapping, without a key that stands in it twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from boathouse.errors import BundleError

Document = dict[str, Any]


def read_document(path: Path) -> Document:
    """Return the content of a YAML file, which is a mapping.

    Raises:
        BundleError: If there is no such file, it is no YAML, or it has a key twice.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise BundleError(f"There is no {path}. Type the command in the folder of the project, which has it.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is no YAML: {' '.join(str(error).split())}. Correct it.") from error
    if not isinstance(content, dict):
        raise BundleError(
            f"{path}: expected a mapping such as 'resources:', found {type(content).__name__}. Correct it."
        )
    return content


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: the second would silently replace the first."""


def _construct_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Document:
    seen = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                "a mapping", node.start_mark, f"has the key {key.value!r} twice", key.start_mark
            )
        seen.add(key.value)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)
