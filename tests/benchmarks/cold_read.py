"""How long a cold connect and a whole reading take over a slow link, against `ssh HOST true` on the same link.

    python -m tests.benchmarks.cold_read [--round-trip SECONDS] [--runs N]

Needs OpenSSH's server and client. Exit status 1 where the reading is not the faster of the two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from backend.progress import CancelToken, silent
from backend.push.collect import collect
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials, connect
from backend.snapshot.readers import read_node
from tests.benchmarks.relay import slow_link

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
import sshd


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--round-trip", type=float, default=0.1, metavar="SECONDS")
    parser.add_argument("--runs", type=int, default=7, metavar="N")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        sshd.running(Path(folder)) as server,
        slow_link(server.port, options.round_trip) as port,
    ):
        return _compare(server, port, options.runs)


def _compare(server: sshd.Sshd, port: int, runs: int) -> int:
    host_key = server.known_hosts.read_text().split(maxsplit=1)[1]
    known_hosts = server.folder / "known_hosts.slow"
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}")
    target = Target("127.0.0.1", port, server.target.user)
    functions = 0
    steps: list[tuple[float, float, float]] = []

    def ours() -> None:
        nonlocal functions
        began = time.perf_counter()
        connection = connect(target, Credentials(identity=server.identity), HostKeys(known_hosts), token=CancelToken())
        connected = time.perf_counter()
        snapshot = collect(connection, CancelToken(), silent)
        collected = time.perf_counter()
        functions = len(read_node(snapshot).functions)
        steps.append((connected - began, collected - connected, time.perf_counter() - collected))
        connection.close()

    command = ["ssh", "-F", "none", "-i", str(server.identity), "-p", str(port)]
    command += ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    command += ["-o", "BatchMode=yes", "-l", target.user, "127.0.0.1", "true"]

    def theirs() -> None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    ours()  # the first run loads modules
    steps.clear()
    times: dict[str, list[float]] = {"reading": [], "ssh HOST true": []}
    for _ in range(runs):
        times["reading"].append(_seconds(ours))
        times["ssh HOST true"].append(_seconds(theirs))
    print(f"median of {runs} runs, a node of {functions} PCI functions")
    for name, taken in times.items():
        print(f"  {name:<14}{median(taken):7.3f} s   ({min(taken):.3f} to {max(taken):.3f})")
    parts = [median(part) for part in zip(*steps, strict=True)]
    print("  of the reading: connect {:.3f}, collect {:.3f}, model {:.3f}".format(*parts))
    ratio = median(times["reading"]) / median(times["ssh HOST true"])
    print(f"  ratio {ratio:.2f} (below 1: a whole machine in less time than ssh takes to do nothing)")
    return 0 if ratio < 1 else 1


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
