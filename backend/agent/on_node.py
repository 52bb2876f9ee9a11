"""The one program that runs on the node. Sent over SSH, never imported by the app; standard library, Python 3.7+.

It reads one line of JSON (the request) and its attachments from stdin, and answers frames on stdout: the line
``lanewright/frames/1``, then for each frame a line of JSON with "type" and "size" and `size` bytes of body.
Two verbs: "collect" copies evidence, "carry-out" does steps that arrive complete. Nothing is interpreted here.

With the request's key "root" every path lies below that folder, and so does every command (PATH points into it).
"""

import errno
import fnmatch
import glob
import hashlib
import json
import os
import posixpath
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import zlib

FRAMES = b"lanewright/frames/1\n"
SNAPSHOT = b"lanewright/snapshot/1\n"
STATE = "/var/lib/lanewright"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
SEARCH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
PAGE = 4096  # a sysfs attribute is one page at most, and so is PCI Express config space
TAIL = 65536  # of a step's output, kept in the journal
PATIENCE = 60  # seconds in which the other side takes nothing at all: then it is gone
LACKING = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.ENODEV)  # how drivers say "not this device"
GRACE = 5  # seconds between SIGTERM and SIGKILL


class Wire:
    """Frames on stdout. Once the other side is gone it is silent: steps go on without a listener."""

    def __init__(self):
        self.lost = False
        self.lock = threading.Lock()
        os.set_blocking(1, False)
        self.write(FRAMES)

    def send(self, kind, body=b"", **fields):
        head = json.dumps(dict(fields, type=kind, size=len(body)))
        self.write(head.encode("ascii") + b"\n" + body)

    def write(self, data):
        left = memoryview(data)
        with self.lock:
            while left and not self.lost:
                try:
                    if not select.select([], [1], [], PATIENCE)[1]:
                        self.lost = True
                    else:
                        left = left[os.write(1, left) :]
                except BlockingIOError:
                    pass
                except OSError:
                    self.lost = True


class Malformed(Exception):
    """A request that no admin's side of this version sends."""


def environment(root):
    """What commands get: English, the whole search path, nothing of the login's."""
    return {
        "LC_ALL": "C",
        "PATH": ":".join(root + folder for folder in SEARCH),
        "HOME": "/root",
        "TERM": "dumb",
        "DEBIAN_FRONTEND": "noninteractive",
        "LANEWRIGHT_ROOT": root,
    }


def read_small(path):
    try:
        with open(path, "rb") as file:
            return file.read(PAGE).decode("ascii", "replace").strip()
    except OSError:
        return None


def end_group(process):
    """Ask a command and all it started to end, then make it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except OSError:
            pass
        try:
            process.wait(GRACE)
            if sign == signal.SIGKILL:
                return
        except subprocess.TimeoutExpired:
            pass


def watch(process, sinks, deadline):
    """Feed each pipe's bytes to its sink until the command ends. False where `deadline` (monotonic) came first.

    A process left behind in the background may hold a pipe for ever: once the command itself has ended and
    its pipes are quiet, that is the end.
    """
    sinks = {pipe.fileno(): sink for pipe, sink in sinks.items()}
    while sinks:
        ended = process.poll() is not None
        left = deadline - time.monotonic()
        if left <= 0 and not ended:
            return False
        ready = select.select(list(sinks), [], [], 0.3 if ended else min(left, 0.5))[0]
        for fd in ready:
            chunk = os.read(fd, 65536)
            if chunk:
                sinks[fd](chunk)
            else:
                del sinks[fd]
        if ended and not ready:
            break
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


# ---------------------------------------------------------------------------------------------- collect


class Over(Exception):
    """Bytes ("budget") or seconds ("timeout") are used up."""


def reason(error):
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return "missing"
    return "denied" if error.errno in (errno.EACCES, errno.EPERM) else "failed"


class Keep:
    """The first `limit` bytes of what is fed to it."""

    def __init__(self, limit):
        self.limit = limit
        self.content = b""
        self.cut = False

    def __call__(self, chunk):
        room = self.limit - len(self.content)
        self.cut = self.cut or len(chunk) > room
        self.content += chunk[:room]


class Collection:
    """Evidence as it comes in. Keys are the node's own paths, with symbolic links followed and recorded."""

    def __init__(self, request):
        self.root = request.get("root", "").rstrip("/")
        self.bytes_left = request["max_bytes"]
        self.deadline = time.monotonic() + request["max_seconds"]
        self.files = {}
        self.stats = {}
        self.links = {}
        self.directories = set()
        self.commands = {}
        self.problems = {}
        self.places = {"/": "/"}

    def keep(self, path, content):
        self.bytes_left -= len(content)
        if self.bytes_left < 0:
            raise Over("budget")
        self.files[path] = content

    def check_time(self):
        if time.monotonic() > self.deadline:
            raise Over("timeout")

    def place(self, path, hops=0):
        """Where `path` really is. Links in /proc are the kernel's own and differ per process: kept as asked."""
        found = self.places.get(path)
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
            if not found.startswith("/proc/") and hops < 40:
                try:
                    target = os.readlink(self.root + found)
                except OSError:
                    pass
                else:
                    self.links[found] = target
                    found = self.place(posixpath.join(base, target), hops + 1)
        self.places[path] = found
        return found

    def matches(self, pattern):
        """Paths that fit. The part before the first wildcard is followed by ourselves, so that it stays in the root."""
        parts = pattern.split("/")
        plain = next((i for i, part in enumerate(parts) if glob.has_magic(part)), None)
        if plain is None:
            return [pattern]
        base = self.place("/".join(parts[:plain]) or "/")
        if os.path.isdir(self.root + base) and not os.access(self.root + base, os.R_OK | os.X_OK):
            self.problems[pattern] = "denied"
        prefix = self.root + base.rstrip("/")
        found = glob.glob(glob.escape(prefix) + "/" + "/".join(parts[plain:]))
        return [path[len(self.root) :] for path in sorted(found)]

    def file(self, path, limit):
        self.check_time()
        place = self.place(path)
        if self.files.get(place):
            return
        try:
            fd = os.open(self.root + place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                mode = os.fstat(fd).st_mode
                if stat.S_ISDIR(mode):
                    self.directories.add(place)
                    return
                if not stat.S_ISREG(mode):  # a device or pipe could give or take anything
                    self.problems[path] = "failed"
                    return
                content = b""
                while len(content) <= limit:
                    chunk = os.read(fd, min(1 << 20, limit + 1 - len(content)))
                    if not chunk:
                        break
                    content += chunk
            finally:
                os.close(fd)
        except OSError as error:
            self.problems[path] = reason(error)
            return
        if len(content) > limit:
            content = content[:limit]
            self.problems[path] = "cut"
        self.keep(place, content)

    def stat(self, path):
        """Size and time of last writing; nothing of the content."""
        self.check_time()
        place = self.place(path)
        try:
            found = os.stat(self.root + place)
        except OSError as error:
            self.problems.setdefault(path, reason(error))
            return
        if stat.S_ISREG(found.st_mode):
            self.stats[place] = (found.st_size, found.st_mtime_ns)

    def listing(self, path):
        """The names in a directory; content of files in it is not read."""
        self.check_time()
        place = self.place(path)
        try:
            entries = list(os.scandir(self.root + place))
        except OSError as error:
            self.problems[path] = reason(error)
            return
        self.directories.add(place)
        for entry in entries:
            below = posixpath.join(place, entry.name)
            if entry.is_symlink():
                self.link(below)
            elif entry.is_dir():
                self.directories.add(below)
            else:
                self.files.setdefault(below, b"")

    def link(self, place):
        try:
            self.links[place] = os.readlink(self.root + place)
        except OSError:
            pass  # gone since it was listed, or no link

    def tree(self, spec):
        """Many alike directories. What an entry lacks is no problem, what it denies is."""
        base = self.place(spec["base"])
        try:
            names = sorted(os.listdir(self.root + base))
        except OSError as error:
            self.problems[spec["base"]] = reason(error)
            return
        self.directories.add(base)
        attributes = [(name, name.split("/")[0]) for name in spec.get("attributes", ())]
        links = set(name for name in spec.get("links", ()) if not glob.has_magic(name))
        wild = [fnmatch.translate(name) for name in spec.get("links", ()) if glob.has_magic(name)]
        wild = re.compile("|".join(wild)) if wild else None
        directories = set(spec.get("directories", ()))
        present = set(spec.get("present", ()))
        for name in names:
            self.check_time()
            real = self.place(base + "/" + name)
            try:
                fd = os.open(self.root + real, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue  # a plain file between the directories, or a device that has just gone
            try:
                here = set(os.listdir(fd))
                self.directories.add(real)
                for attribute, first in attributes:
                    if first in here:
                        self.attribute(fd, real, attribute)
            except OSError as error:
                self.problems[real] = reason(error)
                continue
            finally:
                os.close(fd)
            for below in here & links:
                self.link(real + "/" + below)
            for below in filter(wild.match, here) if wild else ():
                self.link(real + "/" + below)
            for below in here & directories:
                self.directories.add(real + "/" + below)
            for below in here & present:
                self.files.setdefault(real + "/" + below, b"")
            for below in spec.get("lists", ()):
                if below in here:
                    self.listing(real + "/" + below)

    def attribute(self, fd, real, name):
        try:
            file = os.open(name, os.O_RDONLY | os.O_NONBLOCK, dir_fd=fd)
            try:
                content = os.read(file, PAGE)
            finally:
                os.close(file)
        except OSError as error:
            if error.errno not in LACKING:
                self.problems[real + "/" + name] = reason(error)
            return
        self.keep(real + "/" + name, content)

    def command(self, spec):
        argv = tuple(spec["argv"])
        name = "command: " + " ".join(argv)
        limit = spec.get("max", 1 << 20)
        deadline = min(self.deadline, time.monotonic() + spec["timeout"])
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(self.root),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self.problems[name] = reason(error)
            self.commands[argv] = (None, b"", b"")
            return
        out, err = Keep(limit), Keep(TAIL)
        with process.stdout, process.stderr:
            in_time = watch(process, {process.stdout: out, process.stderr: err}, deadline)
        if not in_time:
            end_group(process)
            self.problems[name] = "timeout"
        elif out.cut:
            self.problems[name] = "cut"
        self.bytes_left -= len(out.content) + len(err.content)
        self.commands[argv] = (process.returncode if in_time else None, out.content, err.content)

    def session(self):
        """Both ends of the SSH connection that asks. sudo takes the variable away: look at those who started us."""
        value = os.environ.get("SSH_CONNECTION")
        pid = os.getppid()
        while not value and pid > 1:
            try:
                with open("/proc/%d/environ" % pid, "rb") as file:
                    pairs = [pair.partition(b"=") for pair in file.read().split(b"\0")]
                with open("/proc/%d/stat" % pid) as file:
                    pid = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                break
            value = dict((key, rest) for key, _, rest in pairs).get(b"SSH_CONNECTION", b"").decode("ascii", "replace")
        if value:
            self.commands[("ssh-connection",)] = (0, value.encode("ascii", "replace"), b"")

    def pack(self):
        """The snapshot file (format: docs/architecture.md). A straggling thread may still add: hence the copies."""
        files, commands = self.files.copy(), self.commands.copy()
        folders = {}
        contents = {}
        for path, content in files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder or "/", {})[name] = len(content)
            contents.setdefault(folder or "/", []).append(content)
        header = {
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "origin": "node",
            "files": folders,
            "stats": self.stats.copy(),
            "links": self.links.copy(),
            "directories": sorted(self.directories.copy()),
            "commands": [
                {"argv": argv, "exit": status, "stdout": len(out), "stderr": len(err)}
                for argv, (status, out, err) in commands.items()
            ],
            "problems": self.problems.copy(),
        }
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        pieces = [struct.pack(">Q", len(text)), text]
        for folder in folders:
            pieces += contents[folder]
        for _, out, err in commands.values():
            pieces += [out, err]
        return SNAPSHOT + zlib.compress(b"".join(pieces), 3)


def collect(request, wire):
    """Answer one frame "snapshot", after a "progress" for each piece of work done."""
    evidence = Collection(request)
    release = read_small(evidence.root + "/proc/sys/kernel/osrelease") or os.uname().release

    def files(group):
        for spec in group:
            try:
                for path in evidence.matches(spec["glob"].replace("{osrelease}", release)):
                    evidence.file(path, spec["max"])
            except Over as over:
                evidence.problems[spec["glob"]] = str(over)

    def sysfs():
        for spec in request.get("trees", ()):
            try:
                evidence.tree(spec)
            except Over as over:
                evidence.problems[spec["base"]] = str(over)
        for pattern in request.get("lists", ()):
            try:
                for path in evidence.matches(pattern):
                    evidence.listing(path)
            except Over as over:
                evidence.problems[pattern] = str(over)
        for pattern in request.get("links", ()):
            for path in evidence.matches(pattern):
                evidence.place(path)

    def stats():
        for pattern in request.get("stats", ()):
            try:
                for path in evidence.matches(pattern.replace("{osrelease}", release)):
                    evidence.stat(path)
            except Over as over:
                evidence.problems[pattern] = str(over)

    # /etc/pve is a FUSE file system that can hang without quorum: a thread of its own, so that it holds up nothing.
    wanted = request.get("files", ())
    cluster = [spec for spec in wanted if spec["glob"].startswith("/etc/pve/")]
    work = [("/etc/pve", lambda: files(cluster))] if cluster else []
    for spec in request.get("commands", ()):
        work.append(("command: " + " ".join(spec["argv"]), lambda spec=spec: evidence.command(spec)))
    work.append(("files", lambda: files([spec for spec in wanted if spec not in cluster])))
    work.append(("/sys", sysfs))
    work.append(("times", stats))

    ended = []
    telling = threading.Lock()

    def run(name, job):
        try:
            job()
        except Exception as error:  # one broken piece must not cost the rest
            evidence.problems[name] = "failed"
            sys.stderr.write("%s: %r\n" % (name, error))
        with telling:  # counted and told as one, so that the count never goes back
            ended.append(name)
            wire.send("progress", done=len(ended), total=len(work), detail=name)

    evidence.session()
    threads = [threading.Thread(target=run, args=job, daemon=True) for job in work]
    for thread in threads:
        thread.start()
    for (name, _), thread in zip(work, threads):
        thread.join(max(0.0, evidence.deadline + 2 * GRACE + 1 - time.monotonic()))
        if thread.is_alive():
            evidence.problems[name] = "timeout"
    wire.send("snapshot", evidence.pack())


# -------------------------------------------------------------------------------------------- carry-out


def sha256(content):
    return None if content is None else hashlib.sha256(content).hexdigest()


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_synced(path, content, mode, owner=None):
    """A new file at `path`, on disk before this returns. A leftover of a run that was cut off is replaced."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        file.flush()
        made = os.fstat(fd)
        # Asked only where it differs: pmxcfs gives every file its own owner and mode and refuses both calls.
        if owner is not None and owner != (made.st_uid, made.st_gid):
            os.fchown(fd, *owner)
        if stat.S_IMODE(os.fstat(fd).st_mode) != mode:
            os.fchmod(fd, mode)
        os.fsync(fd)


class Refuse(Exception):
    """Nothing was done. Arguments: code, and details as a dict."""


class StepFailed(Exception):
    """Arguments: code, and details as a dict."""


class Push:
    """One carrying-out: its folder below /var/lib/lanewright/pushes, its journal, its steps."""

    def __init__(self, request, attachments, wire):
        self.wire = wire
        self.id = request["push"]
        self.root = request.get("root", "").rstrip("/")
        self.meta = request.get("meta", {})
        self.steps = request["steps"]
        self.attachments = attachments
        if not isinstance(self.id, str) or not re.match(r"[A-Za-z0-9-]{1,100}\Z", self.id):
            raise Malformed("push id")
        for i, step in enumerate(self.steps):
            if step["op"] in ("write", "remove"):
                path = step["path"]
                if not path.startswith("/") or posixpath.normpath(path) != path:
                    raise Malformed("path " + path)
                if step["op"] == "write" and not 0 <= step["attachment"] < len(attachments):
                    raise Malformed("attachment")
            elif step["op"] == "run":
                if not step["argv"] or not all(isinstance(part, str) and "\0" not in part for part in step["argv"]):
                    raise Malformed("argv")
            elif step["op"] != "reboot" or i + 1 != len(self.steps):
                raise Malformed("op " + step["op"])  # what comes after a restart is another push
        self.folder = self.root + STATE + "/pushes/" + self.id
        self.journal = self.folder + "/journal.jsonl"
        self.states = {}  # index -> last journal line of that step
        self.begun = False

    # ------------------------------------------------------------------------------------------ reading

    def real(self, path):
        """The file that `path` means: links followed, as an editor would, but never out of the root."""
        done, rest, hops = "/", path.split("/"), 0
        while rest:
            part = rest.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, part)
            try:
                target = os.readlink(self.root + step)
            except OSError:
                done = step
                continue
            hops += 1
            if hops > 40:
                raise Refuse("not-a-file", {"path": path})
            rest = target.split("/") + rest
            if target.startswith("/"):
                done = "/"
        return done

    def content(self, real):
        """None where there is no file."""
        try:
            if not stat.S_ISREG(os.lstat(self.root + real).st_mode):
                raise Refuse("not-a-file", {"path": real})
            with open(self.root + real, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def after(self, step):
        return sha256(self.attachments[step["attachment"]]) if step["op"] == "write" else None

    def recorded_steps(self):
        """The steps as the journal tells them: attachments by their digest."""
        recorded = []
        for step in self.steps:
            line = dict(step)
            if line.pop("attachment", None) is not None:
                line["after"] = self.after(step)
            recorded.append(line)
        return recorded

    # ------------------------------------------------------------------------------------------ journal

    def note(self, **fields):
        """One line, on disk before this returns."""
        fd = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(fd).st_size
            torn = size and os.pread(fd, 1, size - 1) != b"\n"  # the machine went down in the middle of a line
            line = json.dumps(dict(fields, at=round(time.time(), 3))).encode("ascii")
            os.write(fd, (b"\n" if torn else b"") + line + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)

    def step(self, index, state, **fields):
        """Journal, then tell. What was journaled but not told is told by the next snapshot."""
        self.note(step=index, state=state, **fields)
        fields.pop("output", None)
        self.wire.send("step", index=index, state=state, **fields)

    def resume(self):
        """Read what an earlier try of this push has done. True if there was one."""
        try:
            with open(self.journal, "rb") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return False
        begun = False
        for line in lines:
            try:
                entry = json.loads(line.decode("ascii"))
            except ValueError:
                continue
            if "steps" in entry:
                begun = True
                if entry["steps"] != self.recorded_steps():
                    raise Refuse("another-push", {"push": self.id})
            elif "step" in entry:
                self.states[entry["step"]] = dict(self.states.get(entry["step"], {}), **entry)
        return begun

    # -------------------------------------------------------------------------------------------- doing

    def lock(self):
        import fcntl  # not on Windows, where this file is only read

        fd = os.open(self.root + STATE + "/lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            try:
                holder = json.loads(os.pread(fd, PAGE, 0).decode("ascii"))
            except ValueError:
                holder = {}
            since = holder.get("since")
            raise Refuse(
                "locked",
                {
                    "owner": holder.get("owner", ""),
                    "push": holder.get("push", ""),
                    "age": None if since is None else max(0, round(time.time() - since)),
                },
            )
        os.ftruncate(fd, 0)
        holder = {"owner": self.meta.get("who", ""), "push": self.id, "pid": os.getpid(), "since": time.time()}
        os.pwrite(fd, json.dumps(holder).encode("ascii"), 0)
        return fd

    def check(self):
        """Every file is as the plan saw it, or as this push has left it; else nothing is begun."""
        left, now = {}, {}  # real path -> digest that this push left there, digest there now
        for index, step in enumerate(self.steps):
            if step["op"] not in ("write", "remove"):
                continue
            real = self.real(step["path"])
            state = self.states.get(index, {}).get("state")
            if real not in now:
                now[real] = sha256(self.content(real))
                if not os.path.isdir(self.root + posixpath.dirname(real)):
                    raise Refuse("no-directory", {"path": step["path"]})
            if state == "done":
                left[real] = self.after(step)
                continue
            if real in left and now[real] != left.pop(real) or now[real] not in (
                (step["before"], self.after(step)) if state == "started" else (step["before"],)
            ):
                raise Refuse("stale", {"path": step["path"]})
            now[real] = self.after(step)
        for real, digest in left.items():
            if now[real] != digest:
                raise Refuse("stale", {"path": real})

    def carry_out(self):
        for folder in (self.root + STATE, self.root + STATE + "/pushes"):
            os.makedirs(folder, 0o700, exist_ok=True)
        held = self.lock()
        try:
            resumed = self.resume()
            self.check()
            for folder in (self.folder, self.folder + "/originals"):  # the mode is the last folder's only
                os.makedirs(folder, 0o700, exist_ok=True)
            for folder in (self.folder, self.root + STATE + "/pushes", self.root + STATE):
                sync_folder(folder)
            boot_id = read_small(self.root + BOOT_ID)
            self.begun = True
            if resumed:
                self.note(state="resumed", boot_id=boot_id, meta=self.meta)
            else:
                self.note(state="begun", push=self.id, meta=self.meta, boot_id=boot_id, steps=self.recorded_steps())
                sync_folder(self.folder)
            state = "done" if all(self.do(i, step) for i, step in enumerate(self.steps)) else "failed"
            self.note(state=state)
            self.wire.send("end", state=state)
        finally:
            os.close(held)

    def do(self, index, step):
        """True: done."""
        if self.states.get(index, {}).get("state") == "done":
            self.wire.send("step", index=index, state="done", skipped=True)
            return True
        try:
            getattr(self, step["op"])(index, step)
        except StepFailed as failure:
            self.step(index, "failed", code=failure.args[0], **failure.args[1])
        except Refuse as refusal:  # a file changed since the check
            self.step(index, "failed", code=refusal.args[0], **refusal.args[1])
        except OSError as error:
            self.step(index, "failed", code="os-error", detail=error.strerror or repr(error), path=error.filename or "")
        else:
            return True
        return False

    def begin_file(self, index, step):
        """Keep the original, then journal that the step starts. Gives the real path, its lstat, whether to go on."""
        real = self.real(step["path"])
        content = self.content(real)
        begun = self.states.get(index, {}).get("state") == "started"
        if begun and sha256(content) == self.after(step):
            self.step(index, "done", real=real, found=True)
            return real, None, False
        if sha256(content) != step["before"]:
            raise StepFailed("stale", {"path": step["path"]})
        was = None
        kept = {}
        if content is not None:
            was = os.lstat(self.root + real)
            write_synced("%s/originals/%d" % (self.folder, index), content, 0o600)
            sync_folder(self.folder + "/originals")
            kept = {
                "original": "originals/%d" % index,
                "mode": stat.S_IMODE(was.st_mode),
                "uid": was.st_uid,
                "gid": was.st_gid,
                "mtime_ns": was.st_mtime_ns,
            }
        self.step(index, "started", path=step["path"], real=real, **kept)
        return real, was, True

    def write(self, index, step):
        real, was, go_on = self.begin_file(index, step)
        if not go_on:
            return
        folder, name = posixpath.split(self.root + real)
        temporary = "%s/.%s.lanewright-%s" % (folder, name, self.id)
        mode = stat.S_IMODE(was.st_mode) if was else step.get("mode", 0o644)
        try:
            owner = (was.st_uid, was.st_gid) if was else None
            write_synced(temporary, self.attachments[step["attachment"]], mode, owner)
            os.rename(temporary, self.root + real)
        except OSError:
            try:
                os.unlink(temporary)
            except OSError:
                pass
            raise
        sync_folder(folder)
        self.step(index, "done", real=real)

    def remove(self, index, step):
        real, was, go_on = self.begin_file(index, step)
        if not go_on:
            return
        if was:
            os.unlink(self.root + real)
            sync_folder(posixpath.dirname(self.root + real))
        self.step(index, "done", real=real)

    def run(self, index, step):
        self.step(index, "started", argv=step["argv"])
        tail = bytearray()

        def hear(chunk):
            tail.extend(chunk)
            del tail[:-TAIL]
            self.wire.send("output", chunk, index=index)

        process = subprocess.Popen(
            step["argv"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(self.root),
            cwd="/",
            start_new_session=True,
        )
        with process.stdout:
            in_time = watch(process, {process.stdout: hear}, time.monotonic() + step["timeout"])
        if not in_time:
            end_group(process)
        output = bytes(tail).decode("utf-8", "replace")
        if not in_time:
            raise StepFailed("timeout", {"output": output})
        if process.returncode:
            raise StepFailed("exit", {"exit": process.returncode, "output": output})
        self.step(index, "done", exit=0, output=output)

    def reboot(self, index, _step):
        """Done when systemd has taken the order; a boot_id other than the journaled one proves it later."""
        boot_id = read_small(self.root + BOOT_ID)
        last = self.states.get(index, {})
        if last.get("state") == "started" and last.get("boot_id") not in (None, boot_id):
            self.step(index, "done", boot_id=boot_id, found=True)
            return
        # The order ends this session too: the journal's last lines must come first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.step(index, "started", boot_id=boot_id)
        process = subprocess.Popen(
            ["systemctl", "reboot"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(self.root),
            cwd="/",
            start_new_session=True,
        )
        said = Keep(PAGE)
        with process.stderr:
            in_time = watch(process, {process.stderr: said}, time.monotonic() + 60)
        if in_time and process.returncode:
            raise StepFailed(
                "exit", {"exit": process.returncode, "output": said.content.decode("utf-8", "replace")}
            )
        self.step(index, "done", boot_id=boot_id)


def carry_out(request, attachments, wire):
    """Do the steps in a session of its own: a lost connection, or sudo ending with it, must not end them half-way."""
    try:
        push = Push(request, attachments, wire)
    except (Malformed, KeyError, TypeError, AttributeError) as error:
        wire.send("refused", code="malformed", detail=repr(error))
        return 0
    child = os.fork()
    if child:
        return 0 if os.waitpid(child, 0)[1] == 0 else 1
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            push.carry_out()
        except Refuse as refusal:
            wire.send("refused", code=refusal.args[0], **refusal.args[1])
        except OSError as error:  # for example a full or read-only disk: the journal cannot be kept
            details = {"detail": error.strerror or repr(error), "path": error.filename or ""}
            if push.begun:
                wire.send("end", state="failed", code="os-error", **details)
            else:
                wire.send("refused", code="os-error", **details)
        status = 0
    except BaseException as error:
        sys.stderr.write("%r\n" % (error,))
    finally:
        os._exit(status)


def main():
    source = sys.stdin.buffer
    wire = Wire()
    request = json.loads(source.readline().decode("utf-8"))
    attachments = [source.read(size) for size in request.get("attachments", ())]
    if [len(attachment) for attachment in attachments] != list(request.get("attachments", ())):
        wire.send("refused", code="request-cut")
        return 0
    if request["verb"] == "collect":
        collect(request, wire)
        return 0
    if request["verb"] == "carry-out":
        return carry_out(request, attachments, wire)
    wire.send("refused", code="malformed", detail="verb")
    return 0


if __name__ == "__main__":
    STATUS = main()
    sys.stderr.flush()
    os._exit(STATUS)  # a thread that hangs in a read must not hold up the end
