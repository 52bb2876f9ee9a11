"""A file tree under construction: contents, links and directories by absolute path."""

from __future__ import annotations

import posixpath


class Tree:
    """What a node's kernel or disk holds, as paths. Nothing of it is on the user's own disk."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.directories: set[str] = set()

    def file(self, path: str, content: str | bytes | int) -> None:
        """Text and numbers get the line end that sysfs gives them."""
        self.files[path] = content if isinstance(content, bytes) else f"{content}\n".encode()

    def link(self, path: str, target: str) -> None:
        """A relative link, as sysfs makes them, to an absolute `target`."""
        self.links[path] = posixpath.relpath(target, posixpath.dirname(path))

    def directory(self, path: str) -> None:
        self.directories.add(path)
