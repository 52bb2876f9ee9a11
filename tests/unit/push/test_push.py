"""A push over real SSH, to a simulated node: what ends well, what is refused, what breaks off."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("asyncssh")

from backend.demo.cluster import DemoCluster
from backend.demo.world import Output, World
from backend.errors import Cancelled, ConnectError, OutcomeUnknown, Refused, StalePlan, StepFailed
from backend.plan.plan import Hazard, Plan, Reboot, RunCommand, Step, WriteFile
from backend.progress import CancelToken, Progress
from backend.push.apply import push_id_of, what
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials
from backend.workspace import OpenNode, open_live

CONF = "/etc/modprobe.d/x.conf"
CONTENT = b"options vfio-pci ids=10de:2786\n"
WRITE = WriteFile(CONF, None, CONTENT)
INITRAMFS = RunCommand(("update-initramfs", "-u", "-k", "all"), 60)
REBOOT = Reboot(("reserve-card",), timeout=60)


class Ears:
    """A Report that remembers."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)

    @property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(progress.phase for progress in self.heard))


@pytest.fixture
def demo() -> Iterator[DemoCluster]:
    with DemoCluster(boot_seconds=0.1) as cluster:
        yield cluster


@pytest.fixture
def world(demo: DemoCluster) -> World:
    return demo.worlds[demo.nodes[0].name]


@pytest.fixture
def node(demo: DemoCluster, tmp_path: Path) -> Iterator[OpenNode]:
    there = demo.nodes[0]
    name = f"[{there.host}]:{there.port}"
    (tmp_path / "known_hosts").write_text(f"{name} {there.host_key}\n")
    opened = open_live(
        Target(there.host, there.port, there.user),
        Credentials(identity=there.identity),
        HostKeys(tmp_path / "known_hosts"),
        CancelToken(),
    )
    yield opened
    opened.close()


def plan(node: OpenNode, *steps: Step, hazards: tuple[Hazard, ...] = ()) -> Plan:
    return Plan(node.node.hostname or "", node.node.boot_id, (), steps, hazards)


def test_all_the_way(node: OpenNode, world: World) -> None:
    ears, before, taken = Ears(), node.node.boot_id, node.node.taken
    wanted = plan(node, WRITE, INITRAMFS, REBOOT)
    done = node.push(wanted, reboot=True, token=CancelToken(), report=ears)
    assert done.rebooted
    assert done.push_id == push_id_of(wanted, taken)
    assert world.disk.files[CONF] == CONTENT
    assert node.node.boot_id not in (None, before)
    assert node.node.files[CONF] == CONTENT
    assert ears.phases == ["write", "run", "reboot", "wait", "verify"]
    steps = [p for p in ears.heard if p.phase in ("write", "run", "reboot")]
    assert [p.done for p in steps] == sorted(p.done for p in steps)
    assert {p.total for p in steps} == {3}
    assert any("update-initramfs: Generating" in p.output for p in steps)


def test_without_the_reboot(node: OpenNode, world: World) -> None:
    before = node.node.boot_id
    done = node.push(plan(node, WRITE, INITRAMFS, REBOOT), reboot=False, token=CancelToken())
    assert not done.rebooted
    assert (world.disk.files[CONF], node.node.boot_id) == (CONTENT, before)


def test_the_journal_tells_who(node: OpenNode) -> None:
    done = node.push(plan(node, WRITE), reboot=False, token=CancelToken())
    journal = node.node.files[f"/var/lib/lanewright/pushes/{done.push_id}/journal.jsonl"]
    first, *_, last = map(json.loads, journal.splitlines())
    assert (first["push"], first["meta"]["app"], last["state"]) == (done.push_id, "lanewright", "done")
    assert first["steps"][0]["after"] == hashlib.sha256(CONTENT).hexdigest()


def test_removing(node: OpenNode, world: World) -> None:
    path = "/etc/modprobe.d/pve-blacklist.conf"
    node.push(plan(node, WriteFile(path, world.disk.files[path], None)), reboot=False, token=CancelToken())
    assert path not in world.disk.files


def test_stale(node: OpenNode, world: World) -> None:
    grub = world.disk.files["/etc/default/grub"]
    world.write("/etc/default/grub", grub + b"# by another admin\n")
    wanted = plan(node, WRITE, WriteFile("/etc/default/grub", grub, grub + b"\n"), INITRAMFS)
    with pytest.raises(StalePlan) as caught:
        node.push(wanted, reboot=True, token=CancelToken())
    assert caught.value.details["path"] == "/etc/default/grub"
    assert CONF not in world.disk.files
    assert world.disk.files["/etc/default/grub"] == grub + b"# by another admin\n"


def test_a_command_that_fails(node: OpenNode, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run

    def full(argv: tuple[str, ...]) -> Output:
        if argv[0] != "update-initramfs":
            return run(argv)
        return Output(1, ((0.0, b"Generating\n"), (0.0, b"cpio: No space left on device\n")))

    monkeypatch.setattr(world, "run", full)
    before = node.node.boot_id
    with pytest.raises(StepFailed) as caught:
        node.push(plan(node, WRITE, INITRAMFS, REBOOT), reboot=True, token=CancelToken())
    told = caught.value.details
    assert (told["step"], told["reason"], told["exit"]) == ("1", "exit", "1")
    assert told["what"] == "update-initramfs -u -k all"
    assert world.disk.files[CONF] == CONTENT  # the steps before it stand
    assert world.boot.boot_id == before  # and nothing comes after it


def test_what_the_failing_command_said(node: OpenNode, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"x" * 5000 + b"\ncpio: No space left on device\n"
    monkeypatch.setattr(world, "run", lambda argv: Output(1, ((0.0, said),)))
    with pytest.raises(StepFailed) as caught:
        node.push(plan(node, INITRAMFS), reboot=False, token=CancelToken())
    assert caught.value.details["output"].endswith("cpio: No space left on device\n")
    assert len(caught.value.details["output"]) <= 2000


def test_a_command_that_is_not_there(node: OpenNode) -> None:
    with pytest.raises(StepFailed) as caught:
        node.push(plan(node, RunCommand(("absent",), 5)), reboot=False, token=CancelToken())
    assert (caught.value.details["reason"], caught.value.details["what"]) == ("os-error", "absent")


def cut(demo: DemoCluster) -> None:
    """Every connection to the first node ends, as when a cable is pulled; the node goes on."""
    server = demo._servers[demo.nodes[0].name]
    assert demo._loop is not None
    for connection in list(server.connections):
        demo._loop.call_soon_threadsafe(connection.abort)


def test_connection_cut_in_the_middle(
    demo: DemoCluster, node: OpenNode, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    write = world.write

    def watched(real: str, content: bytes) -> None:
        write(real, content)
        if real.endswith("journal.jsonl"):
            last = json.loads(content.splitlines()[-1])
            if last["state"] == "done" and "step" not in last:
                over.set()

    monkeypatch.setattr(world, "write", watched)

    def report(progress: Progress) -> None:
        if progress.phase == "run":
            cut(demo)

    wanted = plan(node, WRITE, INITRAMFS, WriteFile("/etc/modprobe.d/y.conf", None, b"y\n"))
    with pytest.raises(OutcomeUnknown) as caught:
        node.push(wanted, reboot=False, token=CancelToken(), report=report)
    assert caught.value.details["reason"] == "lost"
    assert over.wait(30)  # the node goes on by itself
    assert world.disk.files["/etc/modprobe.d/y.conf"] == b"y\n"
    node.refresh(CancelToken())  # and can be looked at again
    assert node.node.files["/etc/modprobe.d/y.conf"] == b"y\n"


def test_locked_by_another(node: OpenNode, world: World) -> None:
    world.pushing = "20260101-another"
    with pytest.raises(Refused) as caught:
        node.push(plan(node, WRITE), reboot=False, token=CancelToken())
    assert (caught.value.code, caught.value.details["push"]) == ("locked", "20260101-another")
    assert CONF not in world.disk.files


def test_cancelled_before_anything(node: OpenNode, world: World) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        node.push(plan(node, WRITE), reboot=True, token=token)
    assert CONF not in world.disk.files


def test_cancelled_while_writing_is_heard_before_the_reboot(node: OpenNode, world: World) -> None:
    token, before = CancelToken(), node.node.boot_id

    def report(progress: Progress) -> None:
        if progress.phase == "write":
            token.cancel()

    with pytest.raises(Cancelled):
        node.push(plan(node, WRITE, INITRAMFS, REBOOT), reboot=True, token=token, report=report)
    assert world.disk.files[CONF] == CONTENT
    image = world.disk.files[f"/boot/initrd.img-{world.machine.kernel}"]
    assert CONF in json.loads(image)  # brought to a whole state first
    assert world.boot.boot_id == before


def test_cancelled_while_waiting(node: OpenNode, world: World) -> None:
    token = CancelToken()

    def report(progress: Progress) -> None:
        if progress.phase == "wait":
            token.cancel()

    with pytest.raises(Cancelled):
        node.push(plan(node, WRITE, REBOOT), reboot=True, token=token, report=report)
    assert world.disk.files[CONF] == CONTENT
    node.refresh(CancelToken())  # not stuck with the connection that the reboot ended


def test_a_node_that_stays_away(node: OpenNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "reachable", False)
    with pytest.raises(ConnectError) as caught:
        node.push(plan(node, replace(REBOOT, timeout=2)), reboot=True, token=CancelToken())
    assert caught.value.code == "not-back"
    assert caught.value.details["last"]


def test_blocked_by_a_hazard(node: OpenNode, world: World) -> None:
    wanted = plan(node, WRITE, hazards=(Hazard("root", None),))
    with pytest.raises(Refused) as caught:
        node.push(wanted, reboot=True, token=CancelToken())
    assert caught.value.details["hazards"] == "root"
    assert CONF not in world.disk.files


def test_push_id() -> None:
    one = Plan("pve", None, (), (WRITE,), ())
    other = replace(one, steps=(replace(WRITE, after=b"else\n"),))
    taken = "2026-01-01T00:00:00Z"
    assert push_id_of(one, taken) == push_id_of(replace(one), taken)
    assert push_id_of(one, taken) != push_id_of(other, taken)
    assert push_id_of(one, taken) != push_id_of(one, "2026-01-01T00:00:01Z")
    for found in (push_id_of(one, taken), push_id_of(one, None), push_id_of(one, "../../etc é")):
        assert found.replace("-", "").isalnum()
        assert found.isascii()
        assert len(found) <= 100


def test_what() -> None:
    assert [what(step) for step in (WRITE, INITRAMFS, REBOOT)] == [
        CONF,
        "update-initramfs -u -k all",
        "systemctl reboot",
    ]
