"""Lines that the machine reads otherwise than they look, and files that it does not read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import commands
from backend.errors import IntentError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.draft import FileDraft
from backend.plan.edits import grub, modprobe
from backend.plan.edits.boot_parameters import KERNEL_CMDLINE

# What editors and web pages make of quotation marks, blanks and hyphens.
_SIGN = re.compile("[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a\u201b\u00a0\u2010-\u2015\u2212]")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_MODPROBE = frozenset({"alias", "blacklist", "install", "options", "remove", "softdep"})  # modprobe.d(5)
# Made inactive on purpose, or left by dpkg and editors.
_PUT_AWAY = re.compile(r"(?:~|\.(?:bak|backup|bk|old|orig|save|sav|disabled|off|swp|dpkg-\w+|ucf-\w+|lanewright\S*))$")


@rule("typographic-sign", Severity.WARNING, Subject.KERNEL)
def _sign(node: Node) -> Iterator[Told]:
    """In a line that counts. To shell, kernel and kmod they are letters like any other."""
    for line in _lines_that_count(node):
        if match := _SIGN.search(_COMMENT.sub("", line.text or "")):
            values = {"sign": f"{match[0]} (U+{ord(match[0]):04X})".strip(), "file": line.source}
            yield Told((line,), values=values)


@rule("grub-file-not-understood", Severity.WARNING, Subject.KERNEL)
def _not_understood(node: Node) -> Iterator[Told]:
    """Where the parameters are set by more than plain assignments: a quotation mark without its other half, above
    all."""
    if node.boot.loader != "grub":
        return
    try:
        grub.tokens(grub.within(FileDraft(node)))
    except IntentError as error:
        path, number = error.details["path"], int(error.details["line"])
        text = node.files[path].decode("utf-8", "replace").splitlines()[number - 1]
        yield Told((Evidence(path, text, number),), values={"file": path, "line": str(number)})


@rule("modprobe-file-unread", Severity.WARNING, Subject.MODULES)
def _unread(node: Node) -> Iterator[Told]:
    """kmod reads *.conf alone (conf_files_filter_out in libkmod-config.c; .alias is of old)."""
    for path, content in sorted(node.files.items()):
        folder, _, name = path.rpartition("/")
        if folder != modprobe.FOLDER or name.endswith((".conf", ".alias")) or _PUT_AWAY.search(name):
            continue
        text = content.decode("utf-8", "replace")
        for line in modprobe.lines(text):
            if len(line.words) > 1 and line.words[0] in _MODPROBE:
                number = text.count("\n", 0, line.start) + 1
                yield Told((Evidence(path, text[line.start : line.end].strip(), number),), values={"file": path})
                break


def _lines_that_count(node: Node) -> Iterator[Evidence]:
    for path in grub.order(node.files):
        for number, line in enumerate(node.files[path].decode("utf-8", "replace").splitlines(), 1):
            if line.lstrip().startswith((grub.LINUX, f"export {grub.LINUX}")):
                yield Evidence(path, line, number)
    first = node.files.get(KERNEL_CMDLINE, b"").decode("utf-8", "replace").partition("\n")[0]
    yield Evidence(KERNEL_CMDLINE, first, 1)
    yield from (command.evidence for command in commands(node) if command.path.startswith("/etc/"))


RULES = (
    _sign,
    _not_understood,
    _unread,
)
