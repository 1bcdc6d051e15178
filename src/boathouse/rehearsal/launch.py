"""Starts a program of an installed wheel as a wheel task does: by its entry point's name, without arguments to it.

``python launch.py PACKAGE ENTRY_POINT WORD …``. It runs in the environment of the rehearsal and imports nothing of this
package by itself.
"""

from __future__ import annotations

import sys
from importlib.metadata import distribution


def main() -> None:
    """Find the entry point in the metadata of the distribution, set the words of the command line, call it."""
    package, name, *words = sys.argv[1:]
    found = [each for each in distribution(package).entry_points if each.name == name]
    if not found:
        message = f"Package '{package}' has no entry point '{name}'."
        raise SystemExit(message)
    sys.argv = [name, *words]
    found[0].load()()


if __name__ == "__main__":
    main()
