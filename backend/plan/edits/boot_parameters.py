"""The kernel's command line as the boot loader of this node will give it: one way to it on every loader.

GRUB takes it from /etc/default/grub and its drop-ins; on systemd-boot proxmox-boot-tool takes the first line of
/etc/kernel/cmdline (proxmox-kernel-helper, zz-proxmox-boot). Which of them counts is the loader that booted.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.errors import IntentError
from backend.plan.draft import BOOT_CONFIG, REBOOT
from backend.plan.edits import cmdline, grub
from backend.plan.plan import Draft

KERNEL_CMDLINE = "/etc/kernel/cmdline"


def mentions(draft: Draft, text: bytes) -> bool:
    """Whether a file of the loader that booted has `text`; False where that is not known, or none we write."""
    try:
        loader = _loader(draft)
    except IntentError:
        return False
    if loader == "grub":
        return any(text in content for content in grub.within(draft).values())
    return text in _first_line(draft)[0].encode("utf-8", "surrogateescape")


def given(draft: Draft) -> tuple[str, ...]:
    """What a normal entry of the next boot gets, as the files with the edits so far have it.

    Raises IntentError("boot-loader-unknown" or "boot-loader-unsupported", "grub-file-not-understood").
    """
    return grub.tokens(grub.within(draft)) if _loader(draft) == "grub" else cmdline.split(_first_line(draft)[0])


def change(draft: Draft, add: Sequence[str], remove: Sequence[str]) -> None:
    """No token of `remove` and each of `add` once; nothing else is touched.

    Raises IntentError as `given`, and "no-root-parameter" where proxmox-boot-tool would refuse the line.
    """
    if _loader(draft) == "grub":
        files = grub.change(grub.within(draft), add, remove)
        for path, content in files.items():
            draft.write(path, content)
    else:
        _change_first_line(draft, add, remove)


def apply(draft: Draft) -> None:
    """Have the entries written anew and the node restarted, also where no file changes: what the file says may never
    have been generated, or never been booted."""
    draft.needs(BOOT_CONFIG)
    draft.needs(REBOOT)


def _loader(draft: Draft) -> str:
    node = draft.node
    if node.boot.loader is None:
        raise IntentError("boot-loader-unknown", node=node.hostname, reason=node.boot.reason or "no-evidence")
    if node.boot.loader != "grub" and not (node.boot.loader == "systemd-boot" and node.boot.managed_esps):
        raise IntentError("boot-loader-unsupported", node=node.hostname, loader=node.boot.loader)
    return node.boot.loader


def _first_line(draft: Draft) -> tuple[str, str]:
    """The line that counts, and all that follows it. Without the file proxmox-boot-tool takes the running kernel's
    line but for its initrd=; so does this."""
    content = draft.read(KERNEL_CMDLINE)
    if content is None:
        running = cmdline.split(draft.node.cmdline or "")
        return " ".join(token for token in running if not token.startswith("initrd=")), "\n"
    text = content.decode("utf-8", "surrogateescape")
    line, end, rest = text.partition("\n")
    return line, end + rest


def _change_first_line(draft: Draft, add: Sequence[str], remove: Sequence[str]) -> None:
    line, rest = _first_line(draft)
    before = cmdline.split(line)
    after = [token for token in before if token not in remove]
    after += [token for token in dict.fromkeys(add) if token not in after]
    if not any(token.startswith("root=") for token in after):
        raise IntentError("no-root-parameter", node=draft.node.hostname, path=KERNEL_CMDLINE)
    if tuple(after) != before:
        text = cmdline.edit(line, add, remove) + rest
        draft.write(KERNEL_CMDLINE, text.encode("utf-8", "surrogateescape"))
