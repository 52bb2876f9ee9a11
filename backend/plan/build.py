"""Fold intents into one plan."""

from __future__ import annotations

from collections.abc import Sequence

from backend.node.node import Node
from backend.plan.draft import BOOT_CONFIG, INITRAMFS, REBOOT, FileDraft
from backend.plan.plan import Intent, Plan, Reboot, RunCommand, Step, WriteFile

UPDATE_GRUB = RunCommand(("update-grub",), 300)
REFRESH_ESPS = RunCommand(("proxmox-boot-tool", "refresh"), 600)
# Half an hour: all kernels of a node, on a slow disk, compressed.
UPDATE_INITRAMFS = RunCommand(("update-initramfs", "-u", "-k", "all"), 1800)


def build(node: Node, intents: Sequence[Intent]) -> Plan:
    """The steps that make `intents` true on `node`: none where they are. Raises IntentError."""
    draft = FileDraft(node)
    reasons = []
    for intent in intents:
        before = set(draft.needed)
        intent.edit(draft)
        if REBOOT in draft.needed and (draft.needed != before or draft.changes):
            reasons.append(intent.kind)
    steps: list[Step] = [
        WriteFile(path, node.files.get(path), content) for path, content in sorted(draft.changes.items())
    ]
    if BOOT_CONFIG in draft.needed:
        steps.append(REFRESH_ESPS if node.boot.managed_esps else UPDATE_GRUB)
    if INITRAMFS in draft.needed:
        steps.append(UPDATE_INITRAMFS)
    if REBOOT in draft.needed:
        steps.append(Reboot(tuple(dict.fromkeys(reasons))))
    hazards = tuple(dict.fromkeys(hazard for intent in intents for hazard in intent.hazards(node)))
    return Plan(node.hostname or "", node.boot_id, tuple(intents), tuple(steps), hazards)
