"""Files that ship with the application, read so that they are found in a frozen one too."""

from __future__ import annotations

from importlib.resources import files


def read(path: str) -> bytes:
    """Content of ``icons/gpu.svg`` and the like. Raises FileNotFoundError."""
    return files(__name__).joinpath(path).read_bytes()
