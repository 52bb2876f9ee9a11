"""The demo cluster over real SSH and HTTPS on loopback."""

from __future__ import annotations

import base64
import gc
import hashlib
import importlib
import json
import ssl
import stat
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
import requests

from backend.demo.cluster import DemoCluster, DemoNode
from backend.demo.machines import catalogue
from backend.errors import LanewrightError

SOURCE = zlib.compress(b"raise SystemExit('must not run here')")
BOOTSTRAP = f"python3 -c 'import sys,zlib;exec(zlib.decompress(sys.stdin.buffer.read({len(SOURCE)})))'"


@pytest.fixture
def demo() -> Iterator[DemoCluster]:
    with DemoCluster(boot_seconds=0.1) as cluster:
        yield cluster


def connect(node: DemoNode) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    kind, key = node.host_key.split()
    client.get_host_keys().add(f"[{node.host}]:{node.port}", kind, paramiko.PKey.from_type_string(kind, _raw(key)))
    client.connect(
        node.host,
        node.port,
        node.user,
        key_filename=str(node.identity),
        allow_agent=False,
        look_for_keys=False,
    )
    return client


def _raw(text: str) -> bytes:
    return base64.b64decode(text)


def ask(
    node: DemoNode, request: dict[str, Any], attachments: tuple[bytes, ...] = ()
) -> list[tuple[dict[str, Any], bytes]]:
    client = connect(node)
    try:
        stdin, stdout, _ = client.exec_command(BOOTSTRAP)
        line = json.dumps({**request, "attachments": [len(a) for a in attachments]}).encode() + b"\n"
        stdin.write(SOURCE + line + b"".join(attachments))
        stdin.flush()
        assert stdout.readline() == "lanewright/frames/1\n"
        frames = []
        while line_ := stdout.readline():
            head = json.loads(line_)
            frames.append((head, stdout.read(head["size"])))
        return frames
    finally:
        client.close()


def boot_id(node: DemoNode) -> bytes:
    return read(node, "/proc/sys/kernel/random/boot_id")


def read(node: DemoNode, path: str) -> bytes:
    request = {
        "verb": "collect",
        "max_bytes": 1 << 20,
        "max_seconds": 9,
        "files": [{"glob": path, "max": 1 << 16}],
    }
    body = ask(node, request)[-1][1]
    data = zlib.decompress(body.partition(b"\n")[2])
    size = int.from_bytes(data[:8], "big")
    lengths = [n for names in json.loads(data[8 : 8 + size])["files"].values() for n in names.values()]
    return data[8 + size :][: lengths[0]]


def wait_for_boot(node: DemoNode, before: bytes) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if boot_id(node) != before:
                return
        except (OSError, EOFError, paramiko.SSHException, AssertionError):
            pass
        threading.Event().wait(0.05)
    pytest.fail("the node did not come back")


def test_other_commands_are_not_there(demo: DemoCluster) -> None:
    client = connect(demo.nodes[0])
    try:
        _, stdout, _ = client.exec_command("uname -a")
        assert stdout.channel.recv_exit_status() == 127
    finally:
        client.close()


def test_another_key_is_refused(demo: DemoCluster) -> None:
    node = demo.nodes[0]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    with pytest.raises(paramiko.SSHException):
        client.connect(node.host, node.port, node.user, key_filename=str(node.identity), look_for_keys=False)
    client.close()
    with paramiko.Transport((node.host, node.port)) as transport:
        transport.start_client()
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("root", paramiko.RSAKey.generate(2048))


def test_journey_on_pve1(demo: DemoCluster) -> None:
    node = demo.nodes[0]
    before = boot_id(node)
    grub = read(node, "/etc/default/grub")
    conf = (
        b"options vfio-pci ids=10de:2786,10de:22bc\nsoftdep nouveau pre: vfio-pci\n"
        b"softdep snd_hda_intel pre: vfio-pci\n"
    )
    steps = [
        {
            "op": "write",
            "path": "/etc/default/grub",
            "before": hashlib.sha256(grub).hexdigest(),
            "attachment": 0,
        },
        {"op": "write", "path": "/etc/modprobe.d/lanewright.conf", "before": None, "attachment": 1},
        {"op": "run", "argv": ["update-grub"], "timeout": 60},
        {"op": "run", "argv": ["update-initramfs", "-u", "-k", "all"], "timeout": 60},
        {"op": "reboot"},
    ]
    edited = grub.replace(b"intel_iommu=off", b"intel_iommu=on")
    frames = ask(node, {"verb": "carry-out", "push": "p1", "steps": steps}, (edited, conf))
    assert frames[-1][0]["state"] == "done"
    assert b"Generating /boot/initrd.img" in b"".join(body for head, body in frames if head["type"] == "output")
    wait_for_boot(node, before)
    assert b"intel_iommu=on" in read(node, "/proc/cmdline")
    assert demo.worlds["pve1"].boot.drivers["0000:01:00.0"] == "vfio-pci"
    assert demo.worlds["pve1"].boot.drivers["0000:01:00.1"] == "vfio-pci"


class Api:
    """A client that trusts the demo's certificate alone."""

    def __init__(self, demo: DemoCluster) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(demo.api.certificate)
        self.base = f"{demo.api.url}/api2/json"
        login = {"username": demo.api.user, "password": demo.api.password}
        ticket = self.session.post(f"{self.base}/access/ticket", data=login, timeout=10).json()["data"]
        self.session.cookies.set("PVEAuthCookie", ticket["ticket"])
        self.session.headers["CSRFPreventionToken"] = ticket["CSRFPreventionToken"]

    def call(self, method: str, path: str, **data: Any) -> requests.Response:
        return self.session.request(method, self.base + path, data=data, timeout=10)


@pytest.fixture
def api(demo: DemoCluster) -> Iterator[Api]:
    client = Api(demo)
    yield client
    client.session.close()


def test_api_shows_the_same_devices(demo: DemoCluster, api: Api) -> None:
    for name, world in demo.worlds.items():
        listed = api.call("GET", f"/nodes/{name}/hardware/pci").json()["data"]
        assert {entry["id"] for entry in listed} == {
            part.at for part in world.machine.parts if part.class_code >> 16 not in (0x05, 0x06, 0x0B)
        }
        groups = {entry["id"]: entry["iommugroup"] for entry in listed}
        if not world.boot.iommu:
            assert set(groups.values()) == {-1}
        else:  # an IOMMU itself is in no group
            kept = {part.at: part.group for part in world.machine.parts if part.at in groups}
            assert groups == {at: -1 if group is None else group for at, group in kept.items()}


def test_mappings_keep_state(api: Api) -> None:
    entry = "node=pve1,path=0000:01:00,id=10de:2786,subsystem-id=1462:5135,iommugroup=1"
    assert api.call("POST", "/cluster/mapping/pci", id="gpu", map=entry).status_code == 200
    assert api.call("POST", "/cluster/mapping/pci", id="gpu", map=entry).status_code == 500
    found = api.call("GET", "/cluster/mapping/pci/gpu").json()["data"]
    assert found["map"] == [entry]
    assert api.call("PUT", "/cluster/mapping/pci/gpu", map=entry, digest="0" * 40).status_code == 500
    assert api.call("PUT", "/cluster/mapping/pci/gpu", map=entry, digest=found["digest"], description="x").ok
    assert [e["description"] for e in api.call("GET", "/cluster/mapping/pci").json()["data"]] == ["x"]
    assert api.call("DELETE", "/cluster/mapping/pci/gpu").ok
    assert api.call("GET", "/cluster/mapping/pci").json()["data"] == []


def test_hostpci_is_checked(api: Api) -> None:
    assert api.call("PUT", "/nodes/pve1/qemu/100/config", hostpci0="0000:01:00,pcie=1").ok
    assert api.call("GET", "/nodes/pve1/qemu/100/config").json()["data"]["hostpci0"] == "0000:01:00,pcie=1"
    refused = api.call("PUT", "/nodes/pve1/qemu/100/config", hostpci0="0000:01:1F.0")
    assert refused.status_code == 400
    assert "hostpci0.host: value does not match" in refused.json()["errors"]["hostpci0"]


def test_reboot_by_api(demo: DemoCluster, api: Api) -> None:
    before = boot_id(demo.nodes[1])
    assert api.call("POST", "/nodes/pve2/status", command="reboot").ok
    wait_for_boot(demo.nodes[1], before)


def test_nothing_is_left() -> None:
    threads = set(threading.enumerate())
    cluster = DemoCluster().start()
    folder = cluster.nodes[0].identity.parent
    assert "BEGIN OPENSSH" in cluster.nodes[0].identity.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(cluster.nodes[0].identity.stat().st_mode) == 0o600
    assert cluster.api.password not in repr(cluster.api)
    client = connect(cluster.nodes[2])
    stdin, _, _ = client.exec_command(BOOTSTRAP)
    stdin.write(SOURCE)  # a request that never comes
    stdin.flush()
    cluster.stop()
    client.close()
    cluster.stop()
    assert not folder.exists()
    assert not [t for t in set(threading.enumerate()) - threads if t.name == "demo"]
    gc.collect()  # what was not awaited or closed warns now


def test_the_fingerprint_is_that_of_the_certificate(demo: DemoCluster) -> None:
    pem = Path(demo.api.certificate).read_text()
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    assert demo.api.fingerprint.replace(":", "") == digest


def test_machines_have_what_the_demo_promises(demo: DemoCluster) -> None:
    assert [node.name for node in demo.nodes] == ["pve1", "pve2", "pve3"]
    same_group = [p for p in catalogue.small().parts if p.group == 15]
    assert any(p.nic for p in same_group)
    assert any(p.class_code >> 8 == 0x0300 for p in same_group)


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    monkeypatch.delitem(sys.modules, "backend.demo.cluster")
    with pytest.raises(LanewrightError) as caught:
        importlib.import_module("backend.demo.cluster")
    assert caught.value.code == "demo-not-installed"
