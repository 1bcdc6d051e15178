"""Errors of serving images."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class ImageError(BoathouseError):
    """An image cannot be prepared, or does not hold what it should."""

    @classmethod
    def not_installed(cls, packages: Iterable[str]) -> ImageError:
        """Name the packages whose versions are unknown because they are not installed here."""
        return cls(
            f"An image needs {', '.join(sorted(packages))}, which this environment lacks, so their versions cannot be "
            "pinned. Install them: pip install 'boathouse[serving]'."
        )

    @classmethod
    def broken_context(cls, folder: str, problems: Iterable[str]) -> ImageError:
        """List what is wrong with a build context."""
        return cls(
            f"The build context {folder} cannot be built: {'; '.join(problems)}. Build it again with --overwrite."
        )

    @classmethod
    def folder_exists(cls, folder: str) -> ImageError:
        """Name the folder that would be overwritten."""
        return cls(
            f"The folder {folder} is there already. Give another, or --overwrite if it is an earlier build context. "
            "Nothing was written."
        )
