"""python -m tests.lab TOPOLOGY: a lab machine to try the app on, until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import sys

from .image import base_image, cache
from .machine import Machine
from .tools import missing_packages, run
from .topologies import TOPOLOGIES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("topology", nargs="?", choices=TOPOLOGIES, metavar="TOPOLOGY")
    parser.add_argument("--list", action="store_true", help="list the topologies and end")
    parser.add_argument("--ready", action=argparse.BooleanOptionalAction, help="start with the IOMMU on, or not")
    arguments = parser.parse_args()
    if arguments.list or not arguments.topology:
        for topology in TOPOLOGIES.values():
            print(f"{topology.name:24}{topology.summary}{' - IOMMU on' if topology.ready else ''}")
        return 0
    if missing := missing_packages():
        print(f"Install these packages first: {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"Base image in {cache()}; the first time it is made, which takes minutes.", flush=True)
    with Machine(TOPOLOGIES[arguments.topology], base_image(), ready=arguments.ready) as machine:
        print(_how_to_connect(machine), flush=True)
        try:
            machine.wait_for_power_off(timeout=None)
        except KeyboardInterrupt:
            print()
    return 0


def _how_to_connect(machine: Machine) -> str:
    fingerprints = run(["ssh-keygen", "-l", "-f", machine.known_hosts]).splitlines()
    return "\n".join(
        (
            f"Host         {machine.host}",
            f"Port         {machine.port}",
            "User         root, or admin (may use sudo without a password)",
            f"Key          {machine.identity}",
            f"Password     {machine.password}",
            *(f"Host key     {line.split()[1]} {line.split()[-1]}" for line in fingerprints),
            f"Own card     {machine.topology.own_nic}",
            f"Known hosts  {machine.known_hosts}",
            f"By hand      {shlex.join(machine.ssh_command())}",
            f"Console      {machine.console}",
            "Ctrl-C switches it off; what was changed on it is then gone.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
