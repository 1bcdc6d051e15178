"""Errors of exporting a model."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class ExportError(BoathouseError):
    """A model cannot be exported, or not to where it was asked for."""

    @classmethod
    def falling_calibration(cls, method: str) -> ExportError:
        """Name the calibration that does not rise."""
        return cls(
            f"The model's calibration ({method}) does not rise with its log-odds, so that a decision has no single "
            "bound to be exported. A model like that ranks cases the wrong way round: train it again."
        )

    @classmethod
    def folder_exists(cls, folder: str, *, is_export: bool) -> ExportError:
        """Name the folder and how to go on."""
        hint = "give --overwrite to replace it" if is_export else "it holds no export: give another folder"
        return cls(f"The folder {folder} is there already; {hint}. Nothing was written.")

    @classmethod
    def not_installed(cls) -> ExportError:
        """Say which libraries an export needs."""
        return cls("Exporting needs the libraries onnx and onnxruntime. Install them: pip install 'boathouse[edge]'.")
