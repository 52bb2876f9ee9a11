"""Configuration space: chains that end, loop or lead nowhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.node.express import PortType
from backend.snapshot.readers import config_space


def space(size: int = 4096) -> bytearray:
    config = bytearray(size)
    config[0:4] = b"\x86\x80\xd3\x10"
    config[0x06], config[0x34] = 0x10, 0x40
    config[0x40:0x44] = bytes((0x01, 0x50, 0, 0))
    config[0x50:0x54] = bytes((0x10, 0x00, 0x42, 0))
    config[0x100:0x104] = (0x140 << 20 | 0x10001).to_bytes(4, "little")
    config[0x140:0x144] = (0x10003).to_bytes(4, "little")
    config[0x144:0x14C] = bytes((0x9C, 0x0B, 0x6A, 0xFF, 0xFF, 0x21, 0x1B, 0x00))
    return config


def test_capabilities_and_serial() -> None:
    config = bytes(space())
    assert config_space.capabilities(config) == ((0x01, 0x40), (0x10, 0x50))
    assert config_space.port_type(config) is PortType.ROOT
    assert config_space.extended_capabilities(config) == ((1, 0x100), (3, 0x140))
    assert config_space.serial(config) == "00-1b-21-ff-ff-6a-0b-9c"
    assert config_space.ids(config)["device"] == 0x10D3


def test_what_an_unprivileged_reader_gets() -> None:
    config = bytes(space())[:64]
    assert config_space.capabilities(config) == ()
    assert config_space.serial(config) is None
    assert config_space.ids(config)["vendor"] == 0x8086


def test_a_loop_ends() -> None:
    config = space()
    config[0x51] = 0x40
    config[0x140:0x144] = (0x100 << 20 | 0x10002).to_bytes(4, "little")
    assert len(config_space.capabilities(bytes(config))) == 2
    assert len(config_space.extended_capabilities(bytes(config))) == 2


def test_a_device_that_does_not_answer() -> None:
    gone = b"\xff" * 256
    assert config_space.header_type(gone) is None
    assert config_space.ids(gone) == {}
    assert config_space.capabilities(gone) == ()


@given(st.binary(max_size=600))
def test_any_bytes(config: bytes) -> None:
    ends = [at for _, at in (*config_space.capabilities(config), *config_space.extended_capabilities(config))]
    assert all(at < len(config) for at in ends)
    assert len(set(ends)) == len(ends)
    config_space.serial(config)
    config_space.port_type(config)
    config_space.buses(config)
