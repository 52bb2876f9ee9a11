"""``lanewright-cli``: the workspace's use-cases on the command line. Described in docs/cli.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from backend.cli_doctor import answer_json, answer_text, ask, rules_json, rules_text
from backend.cli_groups import groups_json, groups_text
from backend.cli_text import DIFFERENCES, VERDICTS, printable, sentence
from backend.doctor.symptoms import log_lines
from backend.errors import (
    Cancelled,
    ConnectError,
    HostKeyChanged,
    HostKeyUnknown,
    IntentError,
    LanewrightError,
    LoginError,
    Refused,
    SnapshotError,
    StalePlan,
)
from backend.node.address import PciAddress
from backend.node.as_json import node_json
from backend.node.compare import Difference, compare
from backend.node.node import Node
from backend.plan.as_json import intent_json
from backend.plan.diff import unified
from backend.plan.plan import Intent, Plan, Reboot, RunCommand, Step, Verdict, WriteFile
from backend.plan.toml import loads
from backend.progress import CancelToken, Progress, Report, silent
from backend.push.apply import what
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials
from backend.snapshot.redaction import redact
from backend.workspace import OpenNode, open_file, open_live

DONE, NOT_SO, USAGE, UNREACHED, REFUSED = range(5)
INTERRUPTED = 130  # as shells have it: 128 + SIGINT

_Result = TypeVar("_Result")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Never raises but SystemExit for --help."""
    try:
        parser = _parser()
        arguments = parser.parse_args(argv)
        if getattr(arguments, "agent", False) and arguments.password_stdin:
            parser.error("--agent asks for no password: leave --password-stdin out")
        if arguments.run is _doctor and arguments.rules == (arguments.file is not None):
            parser.error("doctor takes a FILE, or else --rules")
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as ended:  # argparse has said why
        return ended.code if isinstance(ended.code, int) else USAGE
    except (Cancelled, KeyboardInterrupt):
        _complain("Stopped.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)
    except LanewrightError as error:
        _complain(sentence(error))
        return _status(error)
    except UnicodeEncodeError:
        _complain("This terminal cannot show the text. Set PYTHONIOENCODING=utf-8 and try again.")
        return NOT_SO
    except Exception as error:  # noqa: BLE001  the last resort: a traceback helps no user and may hold a secret
        _complain(f"An error in Lanewright itself: {type(error).__name__}. Please report it with the command you ran.")
        return NOT_SO
    return status


def _status(error: LanewrightError) -> int:
    if error.code in ("intent-file", "no-secret", "not-confirmed"):
        return USAGE
    if isinstance(error, HostKeyUnknown | HostKeyChanged | LoginError | ConnectError):
        return UNREACHED
    return REFUSED if isinstance(error, Refused | StalePlan) else NOT_SO


# The commands


def _snapshot(arguments: argparse.Namespace) -> int:
    node = _open(arguments)
    try:
        if arguments.redact and node.snapshot is not None:
            node.snapshot = redact(node.snapshot)
        node.save(arguments.output)
    except OSError as error:
        raise SnapshotError("file-unwritable", path=str(arguments.output), found=error.strerror or "") from None
    finally:
        node.close()
    return DONE


def _show(arguments: argparse.Namespace) -> int:
    node = open_file(arguments.file).node
    if arguments.json:
        _print_json(node_json(node))
    else:
        print(_describe(node))
    return DONE


def _groups(arguments: argparse.Namespace) -> int:
    node = open_file(arguments.file).node
    if arguments.card is not None and arguments.card not in node.by_address:
        raise IntentError("no-such-device", node=node.hostname, address=str(arguments.card))
    if arguments.json:
        _print_json(groups_json(node, arguments.card))
    else:
        print(printable(groups_text(node, arguments.card)))
    return DONE


def _compare(arguments: argparse.Namespace) -> int:
    before, after = open_file(arguments.before).node, open_file(arguments.after).node
    found = compare(before, after)
    if arguments.json:
        _print_json(comparison_json(found))
    else:
        print(_differences(before, after, found))
    return NOT_SO if found else DONE


def _plan(arguments: argparse.Namespace) -> int:
    intents = _intents(arguments.intents)
    plan = open_file(arguments.file).plan(CancelToken(), intents=intents)
    if arguments.json:
        _print_json(plan_json(plan))
    else:
        print(_review(plan))
    return REFUSED if plan.refused else DONE


def _doctor(arguments: argparse.Namespace) -> int:
    if arguments.rules:
        if arguments.json:
            _print_json(rules_json())
        else:
            print(printable(rules_text()))
        return DONE
    node = open_file(arguments.file).node
    answer = ask(node, [line for path in arguments.log for line in log_lines(str(path), _log_text(path))])
    if arguments.json:
        _print_json(answer_json(answer))
    else:
        print(printable(answer_text(answer, shutil.get_terminal_size().columns)))
    return NOT_SO if answer.grave else DONE


def _push(arguments: argparse.Namespace) -> int:
    intents = _intents(arguments.intents)
    node = _open(arguments)
    try:
        plan = _stoppable(lambda token: node.plan(token, _report(), intents=intents))
        return _carry_out(node, plan, arguments)
    finally:
        node.close()


def _rollback(arguments: argparse.Namespace) -> int:
    node = _open(arguments)
    try:
        plan = _stoppable(lambda token: node.rollback_plan(token, _report()))
        return _carry_out(node, plan, arguments)
    finally:
        node.close()


def _verify(arguments: argparse.Namespace) -> int:
    intents = _intents(arguments.intents)
    node = _open(arguments)
    node.close()
    return _tell(node.verify(intents))


def _carry_out(node: OpenNode, plan: Plan, arguments: argparse.Namespace) -> int:
    print(_review(plan))
    if plan.refused:
        raise Refused("hazards", node=node.name, hazards=", ".join(h.code for h in plan.hazards if h.blocks))
    if not plan.steps:
        return _tell(node.verify(plan.intents))
    if not arguments.yes:
        _confirm(node.name)
    result = _stoppable(lambda token: node.push(plan, reboot=arguments.reboot, token=token, report=_report()))
    if plan.reboots and not result.rebooted:
        print("Written. It takes effect when the node restarts; check it then with 'lanewright-cli verify'.")
        return DONE
    for path in result.differing:
        print(f"{printable(path)}: not as it was written", file=sys.stderr)
    return max(_tell(result.verdicts), NOT_SO if result.differing else DONE)


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise Refused("not-confirmed", node=name)
    print(f"Push this to {printable(name)}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Cancelled


# What they need


def _stoppable(work: Callable[[CancelToken], _Result]) -> _Result:
    """Ctrl-C asks the work to stop where it may; a second one stops it where it is."""
    token = CancelToken()
    if threading.current_thread() is not threading.main_thread():
        return work(token)

    def ask(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        # In a thread: the one that is interrupted may hold the token's lock.
        threading.Thread(target=token.cancel, name="cancel").start()

    before = signal.signal(signal.SIGINT, ask)
    try:
        return work(token)
    finally:
        signal.signal(signal.SIGINT, before)


def _open(arguments: argparse.Namespace) -> OpenNode:
    """Connect; a host key whose fingerprint was given beforehand is trusted and kept."""
    secret = _read_secret() if arguments.password_stdin else None
    credentials = Credentials(
        identity=arguments.identity,
        passphrase=secret if arguments.identity else None,
        password=None if arguments.identity else secret,
    )
    keys = HostKeys(arguments.known_hosts)

    def open_it(token: CancelToken) -> OpenNode:
        return open_live(arguments.target, credentials, keys, token, _report())

    try:
        return _stoppable(open_it)
    except HostKeyUnknown as unknown:
        if unknown.details["fingerprint"] != arguments.accept_host_key:
            raise
        try:
            keys.trust(unknown)
        except OSError as error:
            path = str(arguments.known_hosts)
            raise SnapshotError("file-unwritable", path=path, found=error.strerror or "") from None
    return _stoppable(open_it)


def _read_secret() -> str:
    secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise LoginError("no-secret")
    return secret


def _log_text(path: Path) -> str:
    """Whatever bytes a log holds."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path), found=error.strerror or "") from None


def _intents(path: Path) -> tuple[Intent, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path), found=error.strerror or "") from None
    except UnicodeDecodeError:
        raise SnapshotError("not-text", path=str(path)) from None
    try:
        return loads(text)
    except IntentError as error:
        raise IntentError(error.code, **{**error.details, "path": str(path)}) from None


def _report() -> Report:
    return _show_progress if sys.stderr.isatty() else silent


def _show_progress(progress: Progress) -> None:
    counted = "" if progress.total is None else f" {progress.done}/{progress.total}"
    line = " ".join(f"{progress.phase}{counted} {progress.detail}".split())[:100]
    print(f"\r\x1b[K{printable(line)}", end="", file=sys.stderr, flush=True)


def _complain(text: str) -> None:
    try:
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{start}lanewright-cli: {text}", file=sys.stderr, flush=True)
    except OSError:
        return  # no one listens


# What they print


def plan_json(plan: Plan) -> dict[str, Any]:
    """Schema lanewright/plan/1, see docs/cli.md."""
    return {
        "schema": "lanewright/plan/1",
        "hostname": plan.hostname,
        "boot_id": plan.boot_id,
        "intents": [intent_json(intent) for intent in plan.intents],
        "steps": [_step_json(step) for step in plan.steps],
        "hazards": [
            {
                "code": hazard.code,
                "address": None if hazard.address is None else str(hazard.address),
                "chain": list(hazard.chain),
                "blocks": hazard.blocks,
            }
            for hazard in plan.hazards
        ],
        "refused": plan.refused,
        "reboot": plan.reboots,
    }


def comparison_json(found: Sequence[Difference]) -> dict[str, Any]:
    """Schema lanewright/comparison/1, see docs/cli.md."""
    return {
        "schema": "lanewright/comparison/1",
        "differences": [
            {
                "what": difference.what,
                "was": difference.was,
                "now": difference.now,
                "before": None if difference.before is None else str(difference.before),
                "after": None if difference.after is None else str(difference.after),
            }
            for difference in found
        ],
    }


def _step_json(step: Step) -> dict[str, Any]:
    if isinstance(step, WriteFile):
        change = "remove" if step.after is None else "create" if step.before is None else "change"
        return {"do": "write", "path": step.path, "change": change, "diff": unified(step)}
    if isinstance(step, RunCommand):
        return {"do": "run", "argv": list(step.argv), "timeout": step.timeout}
    return {"do": "reboot", "reasons": list(step.reasons), "timeout": step.timeout}


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2))


def _describe(node: Node) -> str:
    """One line for each function, below its node; then the slots, and what could not be read."""
    iommu = {True: "on", False: "off", None: "unknown"}[node.iommu.active]
    lines = [f"{node.hostname or 'node'}  kernel {node.kernel or 'unknown'}  IOMMU {iommu}", ""]
    rows = [("ADDRESS", "IDS", "GROUP", "SLOT", "DRIVER", "DEVICE")]
    for f in node.functions:
        ids = ":".join("????" if number is None else f"{number:04x}" for number in (f.vendor, f.device))
        uses = ", ".join(dict.fromkeys(use.kind for use in node.uses_of.get(f.address, ())))
        name = (f.device_name or f.class_name or "") + (f"  [{uses}]" if uses else "")
        group = "-" if f.group is None else str(f.group)
        rows.append((str(f.address), ids, group, f.slot or "-", f.driver or "-", name))
    lines += _columns(rows)
    if node.slots:
        slots = [("SLOT", "ADDRESS", "CARD", "")]
        for slot in node.slots:
            card = {True: "yes", False: "empty", None: "-"}[slot.occupied]
            slots.append((slot.name, slot.address or "-", card, slot.description or ""))
        lines += ["", *_columns(slots)]
    lines += [f"not read: {problem}" for problem in node.problems]
    return printable("\n".join(lines))


def _differences(before: Node, after: Node, found: Sequence[Difference]) -> str:
    """The machine's, then each device with its name once and its differences below."""
    lines: list[str] = []
    last: tuple[PciAddress | None, PciAddress | None] = (None, None)
    for difference in found:
        at = (difference.before, difference.after)
        if at != last:
            node, address = (after, difference.after) if difference.after is not None else (before, difference.before)
            function = None if address is None else node.by_address[address]
            name = "" if function is None else function.device_name or function.class_name or function.ids or ""
            lines += ["", f"{address}  {name}".rstrip()]
            last = at
        was, now = ("-" if text is None else text or "nothing" for text in (difference.was, difference.now))
        lines.append(f"    {DIFFERENCES[difference.what]}: {was} -> {now}")
    return printable("\n".join(lines) or "No difference.")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _review(plan: Plan) -> str:
    lines = []
    for step in plan.steps:
        if isinstance(step, WriteFile):
            lines.append(unified(step).rstrip("\n"))
        elif isinstance(step, Reboot):
            lines.append("reboot")
        else:
            lines.append(f"run {what(step)}")
    for hazard in plan.hazards:
        where = "" if hazard.address is None else f" {hazard.address}"
        chain = f" ({' > '.join(hazard.chain)})" if hazard.chain else ""
        lines.append(f"{'REFUSED' if hazard.blocks else 'note'}: {hazard.code}{where}{chain}")
    return printable("\n".join(lines) or "Nothing to change.")


def _tell(verdicts: Sequence[Verdict]) -> int:
    for verdict in verdicts:
        print(printable(f"{verdict.intent.kind}: {VERDICTS[verdict.holds]} ({verdict.code})"))
        for evidence in verdict.evidence:
            print(printable(f"    {evidence.source}: {'(absent)' if evidence.text is None else evidence.text.strip()}"))
    return DONE if all(verdict.holds for verdict in verdicts) else NOT_SO


# The command line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _complain(f"{printable(message)}. See '{self.prog} --help'.")
        raise SystemExit(USAGE)


def _target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give [USER@]HOST[:PORT], an IPv6 address with a port in brackets") from None


def _address(text: str) -> PciAddress:
    try:
        return PciAddress.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give the address of a device, such as 0000:01:00.0") from None


def _parser() -> argparse.ArgumentParser:
    live = _Parser(add_help=False)
    live.add_argument("target", type=_target, metavar="[USER@]HOST[:PORT]")
    login = live.add_mutually_exclusive_group()
    login.add_argument("--identity", type=Path, metavar="FILE", help="log in with this private key")
    login.add_argument("--agent", action="store_true", help="log in with the SSH agent's keys, as without --identity")
    live.add_argument(
        "--known-hosts", type=Path, metavar="FILE", default=Path.home() / ".ssh" / "known_hosts", help="trusted keys"
    )
    live.add_argument("--accept-host-key", metavar="SHA256:...", help="trust and keep an unknown key of this print")
    live.add_argument("--password-stdin", action="store_true", help="one line: the key's passphrase or the password")
    wanted = _Parser(add_help=False)
    wanted.add_argument("--intents", type=Path, required=True, metavar="FILE.toml")
    change = _Parser(add_help=False)
    change.add_argument("--yes", action="store_true", help="do not ask")
    change.add_argument("--reboot", action="store_true", help="restart the node where needed, and wait for it")
    file = _Parser(add_help=False)
    file.add_argument("file", type=Path, metavar="FILE")
    file.add_argument("--json", action="store_true")

    parser = _Parser(prog="lanewright-cli", description="Pass PCI devices of Proxmox VE nodes through, safely.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    snapshot = commands.add_parser("snapshot", parents=[live], help="read a node into a file")
    snapshot.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    snapshot.add_argument("--redact", action="store_true", help="replace names, addresses and serial numbers")
    snapshot.set_defaults(run=_snapshot)
    commands.add_parser("show", parents=[file], help="describe a snapshot").set_defaults(run=_show)
    groups = commands.add_parser("groups", parents=[file], help="IOMMU groups, why they are so, and what if")
    groups.add_argument("--card", type=_address, metavar="ADDRESS", help="what another slot or an override would make")
    groups.set_defaults(run=_groups)
    comparison = commands.add_parser("compare", help="what is different between two snapshots")
    comparison.add_argument("before", type=Path, metavar="BEFORE")
    comparison.add_argument("after", type=Path, metavar="AFTER")
    comparison.add_argument("--json", action="store_true")
    comparison.set_defaults(run=_compare)
    doctor = commands.add_parser("doctor", help="what stands in the way, and what to do")
    doctor.add_argument("file", type=Path, nargs="?", metavar="FILE")
    doctor.add_argument("--log", type=Path, action="append", default=[], metavar="FILE", help="a task log or a journal")
    doctor.add_argument("--rules", action="store_true", help="list what is looked for")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)
    commands.add_parser("plan", parents=[file, wanted], help="what a push would change").set_defaults(run=_plan)
    commands.add_parser("push", parents=[live, wanted, change], help="change a node").set_defaults(run=_push)
    commands.add_parser("verify", parents=[live, wanted], help="does a node do it?").set_defaults(run=_verify)
    commands.add_parser("rollback", parents=[live, change], help="undo the last push").set_defaults(run=_rollback)
    return parser


if __name__ == "__main__":
    sys.exit(main())
