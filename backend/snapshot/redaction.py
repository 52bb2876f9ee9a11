"""A snapshot without what tells whose machine it is, to be shown to others. The machine itself stays as it was.

The same value becomes the same placeholder of the same shape everywhere, so that a Node read from the result has the
same functions, groups, drivers and uses. What is replaced: MAC and IP addresses (documentation ranges, RFC 5737 and
3849), host, domain, user and guest names, serial numbers, UUIDs of firmware, secrets; comments lose their words.
Interface, volume and pool names, UUIDs of file systems, paths, PCI addresses and kernel versions are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from types import MappingProxyType

from backend.snapshot.readers import config_space
from backend.snapshot.snapshot import CommandOutput, Snapshot

_MAC = re.compile(r"(?<![0-9A-Za-z:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Za-z:-])")
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|-\w)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{2,39}(?![\w:.])")
_PROC_IPV6 = re.compile(r"\b[0-9a-f]{32}\b")
_DSN = re.compile(r"(?i)\b[0-9a-f]{2}(?:-[0-9a-f]{2}){7}\b")
_BY_ID = re.compile(r"(?<=/dev/disk/by-id/)[^\s,/]+?(?=-part\d+(?![^\s,])|[\s,]|$)")  # maker, model, serial number
_MAIL = re.compile(r"[\w.+-]+@[A-Za-z][\w.-]*")
_HASH = re.compile(r"\$[0-9a-z]{1,8}\$[^\s:,'\"]+")
_KEY = re.compile(
    r"\b(?:ssh-[a-z0-9]+|ecdsa-[\w-]+|sk-[\w@.-]+)[ +](?:%20)?[A-Za-z0-9+/=%]{16,}[^\n]*|\b[A-Za-z0-9+/]{64,}={0,2}"
)
_SERIAL = re.compile(r"(?im)^(\s*(?:.*\bserial(?: number)?|uuid|asset tag|sku number)\s*:\s*)(\S.*)$")
_SECRET = re.compile(
    r"(?im)((?:\b|_|-)(?:password|passwd|passphrase|psk|secret|token|wep-key\d|api-?key|private-?key|cluster_name|"
    r"ssid|serial(?==))\b[\"']?(?:[ \t]*[:=][ \t]*|[ \t]+))([^\s,;]+)"
)
_EMPTY = ("Not Specified", "None", "Unknown", "To Be Filled By O.E.M.", "Default string")
# Lines of /etc/pve/qemu-server/*.conf (qemu-server, QemuServer.pm) that are a person's own.
_GUEST = re.compile(
    r"(?im)^(name|description|tags|cipassword|sshkeys|ciuser|searchdomain|nameserver|smbios1|vmgenid|args|hookscript)"
    r"(:[ \t]*)(.+)$"
)
_COMMENT = re.compile(r"(?m)^([ \t]*#)(?!!)(.*)$")
_HOST_FILES = ("/proc/sys/kernel/hostname", "/etc/hostname")
_TALK = ("/etc/network/", "/etc/systemd/network/", "/etc/udev/rules.d/", "/etc/fstab", "/etc/pve/", "/etc/corosync/")
_PUSHES = "/var/lib/lanewright/pushes/"
_KEPT_NAMES = ("localhost", "root", "node", "none", "unknown", "(none)")


def redact(snapshot: Snapshot) -> Snapshot:
    """Pure. Journals and originals of pushes are left out: their digests tell of what was replaced."""
    found = _Redaction(_host_names(snapshot))
    files = {
        found.path(path): found.file(path, content)
        for path, content in snapshot.files.items()
        if not path.startswith(_PUSHES)
    }
    commands = {
        tuple(map(found.text, argv)): CommandOutput(output.exit, found.output(argv, output.stdout), b"")
        for argv, output in snapshot.commands.items()
    }
    return replace(
        snapshot,
        files=MappingProxyType(files),
        stats=MappingProxyType(
            {found.path(path): stat for path, stat in snapshot.stats.items() if not path.startswith(_PUSHES)}
        ),
        links=MappingProxyType({found.path(a): found.path(b) for a, b in snapshot.links.items()}),
        commands=MappingProxyType(commands),
        problems=MappingProxyType({found.path(path): code for path, code in snapshot.problems.items()}),
        directories=frozenset(map(found.path, (d for d in snapshot.directories if not f"{d}/".startswith(_PUSHES)))),
    )


def _host_names(snapshot: Snapshot) -> Iterator[str]:
    """The node's own, those of its cluster, and the domains that its files name."""
    for path in _HOST_FILES:
        yield from (snapshot.text(path) or "").split()
    yield from snapshot.listdir("/etc/pve/nodes")
    for path in ("/etc/corosync/corosync.conf", "/etc/pve/corosync.conf"):
        yield from re.findall(r"(?m)^\s*(?:name|cluster_name):\s*(\S+)", snapshot.text(path) or "")
    for path in ("/etc/hosts", "/etc/resolv.conf", "/etc/network/interfaces"):
        for line in (snapshot.text(path) or "").splitlines():
            words = line.split("#")[0].split()
            if path == "/etc/hosts" or words[:1] in (["search"], ["domain"], ["dns-search"], ["dns-domain"]):
                yield from (word for word in words[1:] if "ip6-" not in word)
    for argv, output in snapshot.commands.items():
        words = output.stdout.decode("utf-8", "replace").split()
        if argv[0] == "uname" and len(words) > 1 and words[0] == "Linux":
            yield words[1]


class _Redaction:
    """Placeholders given so far."""

    def __init__(self, names: Iterator[str]) -> None:
        self._macs: dict[str, str] = {}
        self._nets: dict[str, int] = {}
        self._ipv4: dict[str, str] = {}
        self._ipv6: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for name in names:
            for part in (name, name.partition(".")[0], name.partition(".")[2]):
                if len(part) > 1 and part.lower() not in _KEPT_NAMES and part not in self._names:
                    self._names[part] = f"host{len(self._names) + 1}"
        every = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        self._name = re.compile(rf"(?<![A-Za-z0-9_-])(?:{every})(?![A-Za-z0-9_-])") if every else None

    def path(self, path: str) -> str:
        """Only a name of the host in it goes: /etc/pve/nodes/NAME."""
        path = _BY_ID.sub(lambda m: self._word("disk", m[0]), path)
        return self._host(path) if "/etc/pve" in path or path.startswith("nodes/") else path

    def file(self, path: str, content: bytes) -> bytes:
        if path.startswith("/sys/") and path.endswith("/config"):
            return _without_serial(content)
        if b"\0" in content:
            return content if path.startswith(("/sys/", "/boot/", "/usr/share/kvm/")) else b""  # option ROMs: no names
        text = _decode(content)
        if path.startswith("/proc/net/route"):
            return b"\n".join(self._route(line) for line in content.split(b"\n"))
        if path.startswith("/proc/net/ipv6_route"):
            return _encode(_PROC_IPV6.sub(self._proc_ipv6, text))
        if path.startswith(("/sys/devices/", "/sys/class/")) and path.rpartition("/")[2] in (
            "serial",
            "vpd_pg80",
            "wwid",
        ):
            return b"REDACTED\n"
        if path.startswith("/sys/class/dmi/id/") and re.search(r"serial|uuid|asset", path):
            return b"REDACTED\n"
        if path.startswith("/sys/"):
            return _encode(self._mac_only(text)) if path.endswith("/address") and "/net/" in path else content
        if path.startswith("/etc/pve/") and "/qemu-server/" in path:
            text = _GUEST.sub(lambda m: m[1] + m[2] + self._word(m[1].lower(), m[3]), text)
        if path.startswith(_TALK):
            text = _COMMENT.sub(r"\1", text)
        return _encode(self.text(text))

    def output(self, argv: tuple[str, ...], content: bytes) -> bytes:
        text = _decode(content)
        if argv == ("ssh-connection",):
            words = text.split()
            text = " ".join((words[0], "0", words[2], words[3])) if len(words) == 4 else ""
        elif argv[:1] == ("ip",):
            text = _ip_json(text)
        return _encode(self.text(text))

    def text(self, text: str) -> str:
        text = _BY_ID.sub(lambda m: self._word("disk", m[0]), text)
        text = _KEY.sub(lambda m: self._word("key", m[0]), text)
        text = _HASH.sub(lambda m: self._word("hash", m[0]), text)
        text = _SERIAL.sub(lambda m: m[1] + (m[2] if m[2].strip() in _EMPTY else self._word("serial", m[2])), text)
        text = _SECRET.sub(lambda m: m[1] + self._word("secret", m[2]), text)
        text = _MAIL.sub(lambda m: self._word("user", m[0]), text)
        text = _DSN.sub("00-00-00-00-00-00-00-00", text)
        text = self._mac_only(text)
        text = _IPV6.sub(self._v6, text)
        text = _IPV4.sub(self._v4, text)
        return self._host(text)

    def _host(self, text: str) -> str:
        return text if self._name is None else self._name.sub(lambda m: self._names[m[0]], text)

    def _word(self, kind: str, value: str) -> str:
        value = value.strip()
        if value.startswith("redacted-"):
            return value
        return self._words.setdefault(value, f"redacted-{kind}-{len(self._words) + 1}")

    def _mac_only(self, text: str) -> str:
        return _MAC.sub(self._mac, text)

    def _mac(self, match: re.Match[str]) -> str:
        plain = match[0].replace("-", ":").lower()
        if plain in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
            return match[0]
        n = len(self._macs) + 1
        given = self._macs.setdefault(plain, f"02:00:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
        return given.replace(":", match[1])

    def _v4(self, match: re.Match[str]) -> str:
        try:
            address = IPv4Address(match[0])
        except AddressValueError:
            return match[0]
        return self._place_v4(address)

    def _place_v4(self, address: IPv4Address) -> str:
        if address.is_loopback or address.is_unspecified or address.is_multicast or int(address) >> 24 in (0, 255):
            return str(address)
        net, _, last = str(address).rpartition(".")
        # Hosts of one /24 stay in one; a third and later net goes to the range of RFC 2544.
        n = self._nets.setdefault(net, len(self._nets))
        prefix = ("192.0.2", "198.51.100", "203.0.113")[n] if n < 3 else f"198.{18 + (n >> 8 & 1)}.{n & 255}"
        given = {"0": "0", "255": "255"}.get(last)
        if given is None:
            used = sum(1 for known in self._ipv4.values() if known.startswith(prefix + "."))
            given = str(used % 254 + 1)
            return self._ipv4.setdefault(str(address), f"{prefix}.{given}")
        return f"{prefix}.{given}"

    def _v6(self, match: re.Match[str]) -> str:
        try:
            address = IPv6Address(match[0])
        except AddressValueError:
            return match[0]
        return str(self._place_v6(address))

    def _place_v6(self, address: IPv6Address) -> IPv6Address:
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            return address
        given = self._ipv6.setdefault(str(address), f"2001:db8::{len(self._ipv6) + 1:x}")
        if address.is_link_local:
            given = given.replace("2001:db8::", "fe80::")
        return IPv6Address(given)

    def _proc_ipv6(self, match: re.Match[str]) -> str:
        return f"{int(self._place_v6(IPv6Address(int(match[0], 16)))):032x}"

    def _route(self, line: bytes) -> bytes:
        """/proc/net/route: addresses are hexadecimal, in the byte order of a little-endian CPU."""
        words = line.split(b"\t")
        for at in (1, 2):
            if len(words) > 7 and re.fullmatch(rb"[0-9A-Fa-f]{8}", words[at]):
                address = IPv4Address(bytes.fromhex(words[at].decode())[::-1])
                words[at] = IPv4Address(self._place_v4(address)).packed[::-1].hex().upper().encode()
        return b"\t".join(words)


def _without_serial(config: bytes) -> bytes:
    """Config space with the Device Serial Number capability zeroed."""
    for id_, at in config_space.extended_capabilities(config):
        if id_ == config_space.SERIAL:
            number = config[at + 4 : at + 12]
            config = config[: at + 4] + bytes(len(number)) + config[at + 4 + len(number) :]
    return config


def _ip_json(text: str) -> str:
    """What ip -j prints, with aliases (a person's own words) left out; as it is where it is no JSON."""
    try:
        entries = json.loads(text)
    except ValueError:
        return text
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            entry.pop("ifalias", None)
    return json.dumps(entries)


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
