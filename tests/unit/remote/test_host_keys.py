from __future__ import annotations

import base64
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from backend.errors import HostKeyChanged, HostKeyUnknown
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys, fingerprint

TARGET = Target("pve1.example.com", 2222)
NAME = "[pve1.example.com]:2222"


@pytest.fixture(scope="module")
def keys() -> tuple[paramiko.PKey, paramiko.PKey]:
    """An ECDSA key and an RSA key."""
    return paramiko.ECDSAKey.generate(), paramiko.RSAKey.generate(2048)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def line(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def hashed(name: str) -> str:
    """As ssh-keygen -H writes it: HMAC-SHA1 of the name under a salt."""
    salt = b"s" * 20
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def test_unknown_key_is_told_and_then_trusted(path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    known = HostKeys(path)
    with pytest.raises(HostKeyUnknown) as caught:
        known.check(TARGET, keys[0])
    assert not path.exists()
    assert caught.value.details["fingerprint"] == keys[0].fingerprint == fingerprint(keys[0].asbytes())
    known.trust(caught.value)
    HostKeys(path).check(TARGET, keys[0])
    assert path.read_text() == f"{NAME} {line(keys[0])}\n"
    assert known.key_types(TARGET) == (keys[0].get_name(),)


def test_another_key_is_changed_not_unknown(path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    known = HostKeys(path)
    known.add(TARGET, line(keys[0]))
    with pytest.raises(HostKeyChanged) as caught:
        known.check(TARGET, keys[1])
    assert caught.value.details["fingerprint"] == keys[1].fingerprint
    assert keys[0].fingerprint in caught.value.details["expected"]


def test_keys_of_several_types_are_all_trusted(path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    known = HostKeys(path)
    for key in keys:
        known.add(TARGET, line(key))
    for key in keys:
        known.check(TARGET, key)


@pytest.mark.parametrize(
    "names", [NAME, f"other,{NAME}", NAME.upper(), hashed(NAME)], ids=["plain", "list", "case", "hashed"]
)
def test_forms_of_a_line(path: Path, keys: tuple[paramiko.PKey, ...], names: str) -> None:
    path.write_text(f"# my nodes\n\n{names} {line(keys[0])} a comment\n")
    HostKeys(path).check(TARGET, keys[0])


@pytest.mark.parametrize(
    "content",
    ["", "# {name} {key}", "pve1.example.com {key}", "{hash} {key}", "{name} ssh-rsa", "@cert-authority {name} {key}"],
)
def test_what_does_not_name_this_host_and_key(path: Path, keys: tuple[paramiko.PKey, ...], content: str) -> None:
    """Among others: port 22 of the same host is another server, and a certificate authority is not its key."""
    path.write_text(content.format(name=NAME, key=line(keys[0]), hash=hashed("pve1.example.com")) + "\n")
    with pytest.raises(HostKeyUnknown):
        HostKeys(path).check(TARGET, keys[0])


@pytest.mark.parametrize("names", [NAME, "*", hashed(NAME)])
def test_revoked_key_is_refused_though_it_is_trusted_elsewhere(
    path: Path, keys: tuple[paramiko.PKey, ...], names: str
) -> None:
    path.write_text(f"{NAME} {line(keys[0])}\n@revoked {names} {line(keys[0])}\n")
    with pytest.raises(HostKeyChanged, match="host-key-revoked"):
        HostKeys(path).check(TARGET, keys[0])


@pytest.mark.parametrize("damage", ["no words", "[pve1 ssh-rsa !!!", "|1|x|y ssh-rsa AAAA", "@revoked", "\0\xff"])
def test_damaged_lines_are_passed_over_and_kept(path: Path, keys: tuple[paramiko.PKey, ...], damage: str) -> None:
    path.write_bytes(damage.encode("latin-1"))
    known = HostKeys(path)
    known.add(TARGET, line(keys[0]))
    known.check(TARGET, keys[0])
    assert path.read_bytes() == damage.encode("latin-1") + f"\n{NAME} {line(keys[0])}\n".encode()


def test_comments_and_order_stay(path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    before = f"# first\nzeta {line(keys[1])}\n\n# last\n"
    path.write_text(before)
    HostKeys(path).add(TARGET, line(keys[0]))
    assert path.read_text() == before + f"{NAME} {line(keys[0])}\n"


def test_further_files_are_only_read(path: Path, tmp_path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    system = tmp_path / "ssh_known_hosts"
    system.write_text(f"{NAME} {line(keys[0])}\n")
    known = HostKeys(path, also=(system, tmp_path / "absent"))
    known.check(TARGET, keys[0])
    known.add(Target("other"), line(keys[1]))
    assert system.read_text() == f"{NAME} {line(keys[0])}\n"


def test_two_that_trust_at_once_both_keep_theirs(path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    names = [f"node{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: HostKeys(path).add(Target(name), line(keys[0])), names))
    assert sorted(entry.split()[0] for entry in path.read_text().splitlines()) == sorted(names)


def test_a_link_stays_a_link(path: Path, tmp_path: Path, keys: tuple[paramiko.PKey, ...]) -> None:
    real = tmp_path / "elsewhere"
    real.touch()
    path.symlink_to(real)
    HostKeys(path).add(TARGET, line(keys[0]))
    assert path.is_symlink()
    assert real.read_text().startswith(NAME)
