"""The editable files of a node while intents are folded into them."""

from __future__ import annotations

from collections.abc import Mapping

from backend.node.node import Node

BOOT_CONFIG, INITRAMFS, REBOOT = "boot-config", "initramfs", "reboot"


class FileDraft:
    """The Draft that `build` hands to each intent in turn."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.needed: set[str] = set()
        self._changed: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        return self._changed[path] if path in self._changed else self.node.files.get(path)

    def write(self, path: str, content: bytes | None) -> None:
        self._changed[path] = content

    def needs(self, what: str) -> None:
        self.needed.add(what)

    def under(self, folder: str) -> dict[str, bytes]:
        """The files right in `folder`, by path, with the edits so far; in the order of their names."""
        paths = sorted({*self.node.files, *self._changed})
        inside = (path for path in paths if path.rpartition("/")[0] == folder)
        return {path: content for path in inside if (content := self.read(path)) is not None}

    @property
    def changes(self) -> Mapping[str, bytes | None]:
        """What differs from the node, by path."""
        return {path: content for path, content in self._changed.items() if content != self.node.files.get(path)}
