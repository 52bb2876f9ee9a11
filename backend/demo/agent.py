"""What backend/agent/on_node.py answers, answered from a World: the same frames and the same journal.

tests/contract/test_demo_agent.py gives both the same requests and compares.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import json
import posixpath
import re
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

from backend.demo.world import World

FRAMES = b"lanewright/frames/1\n"
STATE = "/var/lib/lanewright"
_PAGE = 4096

Send = Callable[[bytes], None]
Pause = Callable[[float], Awaitable[None]]


def frame(kind: str, body: bytes = b"", **fields: Any) -> bytes:
    return json.dumps({**fields, "type": kind, "size": len(body)}).encode("ascii") + b"\n" + body


async def answer(
    world: World, request: dict[str, Any], attachments: list[bytes], send: Send, pause: Pause = asyncio.sleep
) -> bool:
    """Send all frames. True where the node is to restart now. `pause` waits as commands do."""
    if request.get("verb") == "collect":
        for piece in collect(world, request):
            send(piece)
        return False
    if request.get("verb") == "carry-out":
        try:
            push = _Push(world, request, attachments, send, pause)
        except (Malformed, KeyError, TypeError, AttributeError) as error:
            send(frame("refused", code="malformed", detail=repr(error)))
            return False
        try:
            return await push.carry_out()
        except _RefusedError as refusal:
            send(frame("refused", **refusal.fields))
            return False
    send(frame("refused", code="malformed", detail="verb"))
    return False


# ------------------------------------------------------------------------------------------------ collect


def collect(world: World, request: dict[str, Any]) -> list[bytes]:
    """The frames of one collection; the last one holds the snapshot file."""
    evidence = _Evidence(world, request)
    ip = world.machine.ip.split("/")[0]
    evidence.commands[("ssh-connection",)] = (0, f"10.77.0.100 50022 {ip} 22".encode(), b"")
    wanted = request.get("files", ())
    cluster = [spec for spec in wanted if spec["glob"].startswith("/etc/pve/")]
    ended = ["/etc/pve"] if cluster else []
    evidence.read_globs(cluster)
    for spec in request.get("commands", ()):
        ended.append(evidence.command(tuple(spec["argv"])))
    evidence.read_globs([spec for spec in wanted if spec not in cluster])
    evidence.sysfs(request)
    evidence.read_stats(request.get("stats", ()))
    ended += ["files", "/sys", "times"]
    frames = [frame("progress", done=done, total=len(ended), detail=name) for done, name in enumerate(ended, 1)]
    return [*frames, frame("snapshot", evidence.pack())]


class _Evidence:
    def __init__(self, world: World, request: dict[str, Any]) -> None:
        self._world = world
        self._left: int = request.get("max_bytes", 1 << 30)
        self._places: dict[str, str] = {"/": "/"}
        self.files: dict[str, bytes] = {}
        self.stats: dict[str, tuple[int, int]] = {}
        self.links: dict[str, str] = {}
        self.directories: set[str] = set()
        self.commands: dict[tuple[str, ...], tuple[int | None, bytes, bytes]] = {}
        self.problems: dict[str, str] = {}

    def place(self, path: str, hops: int = 0) -> str:
        """Where `path` really is; the links on the way are evidence too."""
        found = self._places.get(path)
        if found is not None:
            return found
        parent, name = posixpath.split(path)
        base = self.place(parent, hops)
        if name in ("", "."):
            found = base
        elif name == "..":
            found = posixpath.dirname(base)
        else:
            found = posixpath.join(base, name)
            target = None if found.startswith("/proc/") else self._world.readlink(found)
            if target is not None and hops < 40:
                self.links[found] = target
                found = self.place(posixpath.join(base, target), hops + 1)
        self._places[path] = found
        return found

    def keep(self, path: str, content: bytes) -> None:
        self._left -= len(content)
        if self._left >= 0:
            self.files[path] = content
        else:
            self.problems[path] = "budget"

    def matches(self, pattern: str) -> list[str]:
        return sorted(self._world.glob(pattern)) if re.search(r"[*?\[]", pattern) else [pattern]

    def read_globs(self, specs: list[dict[str, Any]]) -> None:
        for spec in specs:
            for path in self.matches(spec["glob"].replace("{osrelease}", self._world.machine.kernel)):
                self.file(path, spec["max"])

    def file(self, path: str, limit: int) -> None:
        place = self.place(path)
        if self.files.get(place):
            return
        content = self._world.read(place)
        if content is None:
            if self._world.is_directory(place):
                self.directories.add(place)
            else:
                self.problems[path] = "missing"
            return
        if len(content) > limit:
            content = content[:limit]
            self.problems[path] = "cut"
        self.keep(place, content)

    def read_stats(self, patterns: list[str]) -> None:
        now = time.time_ns()
        for pattern in patterns:
            for path in self.matches(pattern.replace("{osrelease}", self._world.machine.kernel)):
                place = self.place(path)
                content = self._world.read(place)
                if content is not None:
                    self.stats[place] = (len(content), now - self._world.age(place) * 10**9)
                elif not self._world.is_directory(place):
                    self.problems.setdefault(path, "missing")

    def sysfs(self, request: dict[str, Any]) -> None:
        for spec in request.get("trees", ()):
            self.tree(spec)
        for pattern in request.get("lists", ()):
            for path in self.matches(pattern):
                self.listing(path)
        for pattern in request.get("links", ()):
            for path in self.matches(pattern):
                self.place(path)

    def listing(self, path: str) -> None:
        place = self.place(path)
        if not self._world.is_directory(place):
            self.problems[path] = "missing"
            return
        self.directories.add(place)
        for name in self._world.names(place):
            below = posixpath.join(place, name)
            target = self._world.readlink(below)
            if target is not None:
                self.links[below] = target
            elif self._world.is_directory(below):
                self.directories.add(below)
            else:
                self.files.setdefault(below, b"")

    def tree(self, spec: dict[str, Any]) -> None:
        base = self.place(spec["base"])
        if not self._world.is_directory(base):
            self.problems[spec["base"]] = "missing"
            return
        self.directories.add(base)
        plain = {name for name in spec.get("links", ()) if not re.search(r"[*?\[]", name)}
        wild = [name for name in spec.get("links", ()) if name not in plain]
        for name in self._world.names(base):
            real = self.place(f"{base}/{name}")
            if not self._world.is_directory(real):
                continue
            here = set(self._world.names(real))
            self.directories.add(real)
            for attribute in spec.get("attributes", ()):
                if attribute.split("/")[0] in here:
                    content = self._world.read(self._world.resolve(f"{real}/{attribute}"))
                    if content is not None:
                        self.keep(f"{real}/{attribute}", content[:_PAGE])
            for below in here:
                if below in plain or any(fnmatch.fnmatchcase(below, pattern) for pattern in wild):
                    target = self._world.readlink(f"{real}/{below}")
                    if target is not None:
                        self.links[f"{real}/{below}"] = target
            self.directories |= {f"{real}/{below}" for below in here & set(spec.get("directories", ()))}
            for below in here & set(spec.get("present", ())):
                self.files.setdefault(f"{real}/{below}", b"")
            for below in spec.get("lists", ()):
                if below in here:
                    self.listing(f"{real}/{below}")

    def command(self, argv: tuple[str, ...]) -> str:
        name = "command: " + " ".join(argv)
        ran = self._world.run(argv) if argv[0] not in _CHANGING else None
        if ran is None or ran.exit is None:
            self.problems[name] = "missing"
            self.commands[argv] = (None, b"", b"")
            return name
        if ran.exit:
            self.problems[name] = "failed"
        self.commands[argv] = (ran.exit, ran.stdout, b"")
        return name

    def pack(self) -> bytes:
        """The snapshot file (docs/architecture.md)."""
        folders: dict[str, dict[str, int]] = {}
        contents: dict[str, list[bytes]] = {}
        for path, content in self.files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder or "/", {})[name] = len(content)
            contents.setdefault(folder or "/", []).append(content)
        header = {
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "origin": "node",
            "files": folders,
            "stats": self.stats,
            "links": self.links,
            "directories": sorted(self.directories),
            "commands": [
                {"argv": argv, "exit": status, "stdout": len(out), "stderr": len(err)}
                for argv, (status, out, err) in self.commands.items()
            ],
            "problems": self.problems,
        }
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        pieces = [struct.pack(">Q", len(text)), text]
        for folder in folders:
            pieces += contents[folder]
        for _, out, err in self.commands.values():
            pieces += [out, err]
        return b"lanewright/snapshot/1\n" + zlib.compress(b"".join(pieces), 3)


_CHANGING = frozenset({"update-grub", "update-initramfs", "systemctl"})  # never asked for by a collection


# ---------------------------------------------------------------------------------------------- carry-out


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


class Malformed(Exception):
    """A request that no admin's side of this version sends."""


class _RefusedError(Exception):
    """Nothing was done."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.fields: dict[str, Any] = {"code": code, **details}


class _StepFailedError(_RefusedError):
    """One step was begun and failed."""


class _Push:
    """One carrying-out: its folder below /var/lib/lanewright/pushes, its journal, its steps."""

    def __init__(
        self, world: World, request: dict[str, Any], attachments: list[bytes], send: Send, pause: Pause
    ) -> None:
        self._world = world
        self._send = send
        self._pause = pause
        self._attachments = attachments
        self._id: str = request["push"]
        self._meta = request.get("meta", {})
        self._steps: list[dict[str, Any]] = request["steps"]
        if not isinstance(self._id, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,100}", self._id):
            raise Malformed("push id")
        for index, step in enumerate(self._steps):
            self._check_form(index, step)
        self._folder = f"{STATE}/pushes/{self._id}"
        self._journal = f"{self._folder}/journal.jsonl"
        self._states: dict[int, dict[str, Any]] = {}  # last journal line of each step

    def _check_form(self, index: int, step: dict[str, Any]) -> None:
        if step["op"] in ("write", "remove"):
            path = step["path"]
            if not path.startswith("/") or posixpath.normpath(path) != path:
                raise Malformed("path " + path)
            if step["op"] == "write" and not 0 <= step["attachment"] < len(self._attachments):
                raise Malformed("attachment")
        elif step["op"] == "run":
            if not step["argv"] or not all(isinstance(part, str) and "\0" not in part for part in step["argv"]):
                raise Malformed("argv")
        elif step["op"] != "reboot" or index + 1 != len(self._steps):
            raise Malformed("op " + step["op"])

    def _after(self, step: dict[str, Any]) -> str | None:
        return _sha256(self._attachments[step["attachment"]]) if step["op"] == "write" else None

    def _recorded_steps(self) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in step.items() if key != "attachment"}
            | ({"after": self._after(step)} if step["op"] == "write" else {})
            for step in self._steps
        ]

    def _note(self, **fields: Any) -> None:
        line = json.dumps({**fields, "at": round(time.time(), 3)}).encode("ascii") + b"\n"
        self._world.write(self._journal, (self._world.read(self._journal) or b"") + line)

    def _step(self, index: int, state: str, **fields: Any) -> None:
        self._note(step=index, state=state, **fields)
        fields.pop("output", None)
        self._send(frame("step", index=index, state=state, **fields))

    def _resume(self) -> bool:
        """Read what an earlier try of this push has done. True if there was one."""
        begun = False
        for line in (self._world.read(self._journal) or b"").splitlines():
            entry = json.loads(line)
            if "steps" in entry:
                begun = True
                if entry["steps"] != self._recorded_steps():
                    raise _RefusedError("another-push", push=self._id)
            elif "step" in entry:
                self._states[entry["step"]] = {**self._states.get(entry["step"], {}), **entry}
        return begun

    def _state(self, index: int) -> str | None:
        return self._states.get(index, {}).get("state")

    def _real(self, path: str) -> tuple[str, bytes | None]:
        real = self._world.resolve(path)
        content = self._world.read(real)
        if content is None and self._world.is_directory(real):
            raise _RefusedError("not-a-file", path=real)
        return real, content

    def _check(self) -> None:
        """Every file is as the plan saw it, or as this push has left it; else nothing is begun."""
        left: dict[str, str | None] = {}
        now: dict[str, str | None] = {}
        for index, step in enumerate(self._steps):
            if step["op"] not in ("write", "remove"):
                continue
            real, content = self._real(step["path"])
            if real not in now:
                now[real] = _sha256(content)
                if not self._world.is_directory(posixpath.dirname(real)):
                    raise _RefusedError("no-directory", path=step["path"])
            if self._state(index) == "done":
                left[real] = self._after(step)
                continue
            fits = (step["before"], self._after(step)) if self._state(index) == "started" else (step["before"],)
            if (real in left and now[real] != left.pop(real)) or now[real] not in fits:
                raise _RefusedError("stale", path=step["path"])
            now[real] = self._after(step)
        for real, digest in left.items():
            if now[real] != digest:
                raise _RefusedError("stale", path=real)

    async def carry_out(self) -> bool:
        """True where the last step was a reboot that was done now."""
        if self._world.pushing:
            raise _RefusedError("locked", owner="", push=self._world.pushing, age=0)
        self._world.pushing = self._id
        try:
            return await self._carry_out()
        finally:
            self._world.pushing = None

    async def _carry_out(self) -> bool:
        resumed = self._resume()
        self._check()
        self._world.make_directory(f"{self._folder}/originals")
        boot_id = self._world.boot.boot_id
        if resumed:
            self._note(state="resumed", boot_id=boot_id, meta=self._meta)
        else:
            steps = self._recorded_steps()
            self._note(state="begun", push=self._id, meta=self._meta, boot_id=boot_id, steps=steps)
        restart, state = False, "done"
        for index, step in enumerate(self._steps):
            if self._state(index) == "done":
                self._send(frame("step", index=index, state="done", skipped=True))
                continue
            try:
                restart = await self._do(index, step)
            except _RefusedError as failure:
                self._step(index, "failed", **failure.fields)
                state = "failed"
                break
        self._note(state=state)
        self._send(frame("end", state=state))
        return restart

    async def _do(self, index: int, step: dict[str, Any]) -> bool:
        match step["op"]:
            case "run":
                await self._run(index, step)
            case "reboot":
                return self._reboot(index)
            case _:
                self._change(index, step)
        return False

    def _change(self, index: int, step: dict[str, Any]) -> None:
        """Write or remove one file, its original kept."""
        real, content = self._real(step["path"])
        if self._state(index) == "started" and _sha256(content) == self._after(step):
            self._step(index, "done", real=real, found=True)
            return
        if _sha256(content) != step["before"]:
            raise _StepFailedError("stale", path=step["path"])
        kept: dict[str, object] = {}
        if content is not None:
            self._world.write(f"{self._folder}/originals/{index}", content)
            kept = {
                "original": f"originals/{index}",
                "mode": 0o644,
                "uid": 0,
                "gid": 0,
                "mtime_ns": time.time_ns(),
            }
        self._step(index, "started", path=step["path"], real=real, **kept)
        if step["op"] == "write":
            self._world.write(real, self._attachments[step["attachment"]])
        elif content is not None:
            self._world.remove(real)
        self._step(index, "done", real=real)

    async def _run(self, index: int, step: dict[str, Any]) -> None:
        self._step(index, "started", argv=step["argv"])
        ran = self._world.run(tuple(step["argv"]))
        if ran.exit is None:
            raise _StepFailedError("os-error", detail="No such file or directory", path=step["argv"][0])
        for seconds, piece in ran.pieces:
            await self._pause(seconds)
            if piece:
                self._send(frame("output", piece, index=index))
        output = ran.stdout.decode()
        if ran.exit:
            raise _StepFailedError("exit", exit=ran.exit, output=output)
        self._step(index, "done", exit=0, output=output)

    def _reboot(self, index: int) -> bool:
        boot_id = self._world.boot.boot_id
        last = self._states.get(index, {})
        if last.get("state") == "started" and last.get("boot_id") not in (None, boot_id):
            self._step(index, "done", boot_id=boot_id, found=True)
            return False
        self._step(index, "started", boot_id=boot_id)
        self._step(index, "done", boot_id=boot_id)
        return True
