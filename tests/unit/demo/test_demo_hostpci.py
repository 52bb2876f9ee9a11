"""PVE's own words for good and bad hostpci values."""

from __future__ import annotations

import pytest

from backend.demo.hostpci import refusal


@pytest.mark.parametrize(
    "value", ["01:00", "0000:01:00.0,pcie=1", "01:00.0;01:00.1", "mapping=gpu,x-vga=on", "01:00,,rombar=0"]
)
def test_accepted(value: str) -> None:
    assert refusal("hostpci0", value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00:1F.2", "hostpci0.host: value does not match the regex pattern"),
        ("0:01:00.0", "hostpci0.host: value does not match the regex pattern"),
        ("01:00, pcie=1", "hostpci0. pcie: property is not defined in schema"),
        ("01:00,pcie=2", "hostpci0.pcie: type check ('boolean') failed - got '2'"),
        ("01:00,driver=none", "value 'none' does not have a value in the enumeration 'vfio, keep'"),
        ("mapping=1gpu", "invalid format - invalid configuration ID '1gpu'"),
        ("01:00,host=02:00", "duplicate key in comma-separated list property: host"),
        ("01:00,rombar=", "missing key in comma-separated list property"),
    ],
)
def test_refused(value: str, text: str) -> None:
    assert text in (refusal("hostpci0", value) or "")
