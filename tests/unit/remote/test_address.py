from __future__ import annotations

import pytest

from backend.remote.address import Target


@pytest.mark.parametrize(
    ("text", "expected", "again"),
    [
        ("pve1", Target("pve1"), "root@pve1"),
        ("admin@pve1.example.com", Target("pve1.example.com", user="admin"), "admin@pve1.example.com"),
        ("10.0.0.7:2222", Target("10.0.0.7", 2222), "root@10.0.0.7:2222"),
        ("[::1]:22", Target("::1"), "root@[::1]"),
        ("me@[fe80::1%eth0]:2200", Target("fe80::1%eth0", 2200, "me"), "me@[fe80::1%eth0]:2200"),
        ("2001:db8::7", Target("2001:db8::7"), "root@[2001:db8::7]"),
        ("me@2001:db8::7", Target("2001:db8::7", user="me"), "me@[2001:db8::7]"),
    ],
)
def test_reads_and_prints(text: str, expected: Target, again: str) -> None:
    assert Target.parse(text) == expected
    assert str(expected) == again
    assert Target.parse(again) == expected


@pytest.mark.parametrize(
    "text",
    ["", "@host", "user@", "host:", "host:0", "host:65536", "host:x", "a b", "[::1", "::1]:22", "[]:22", "a@b@c"],
)
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Target.parse(text)


@pytest.mark.parametrize("text", ["-oProxyCommand=x", "root@-host", "-l@host"])
def test_nothing_that_ssh_would_take_for_an_option(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Target.parse(text)


def test_name_in_known_hosts() -> None:
    assert Target("pve1").host_key_name == "pve1"
    assert Target("pve1", 2222).host_key_name == "[pve1]:2222"
    assert Target("::1", 2222).host_key_name == "[::1]:2222"
