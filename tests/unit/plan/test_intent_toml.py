"""Intents as TOML."""

from __future__ import annotations

import pytest

from backend.errors import IntentError
from backend.node.address import PciAddress
from backend.plan.intents import IommuOn, ReserveCard
from backend.plan.toml import dumps, loads

INTENTS = (
    IommuOn(),
    ReserveCard(PciAddress.parse("0000:01:00.0"), ("10de:2786",)),
    ReserveCard(PciAddress(0, 2, 0, 0)),
)


def test_there_and_back() -> None:
    assert loads(dumps(INTENTS)) == INTENTS


def test_as_an_admin_writes_it() -> None:
    text = '# mine\n[[intent]]\nkind = "reserve-card"\naddress = "01:00.0"\nids = ["10DE:2786"]\n'
    assert loads(text) == (INTENTS[1],)


@pytest.mark.parametrize(
    ("text", "detail", "where"),
    [
        ('[[intent]]\nkind = "iommu-on\n', "not-toml", "line 2"),
        ("", "no-intent", ""),
        ("intent = 3\n", "no-intent", ""),
        ("intent = [3]\n", "not-a-table", "intent 1"),
        ("x = 1\n", "unknown-key", "x"),
        ("[[intent]]\n", "unknown-kind", "intent 1"),
        ('[[intent]]\nkind = ["iommu-on"]\n', "unknown-kind", "intent 1"),
        ('[[intent]]\nkind = "iommu-on"\nx = 1\n', "unknown-key", "intent 1, x"),
        ('[[intent]]\nkind = "reserve-card"\n', "bad-address", "intent 1"),
        ('[[intent]]\nkind = "reserve-card"\naddress = "01:00.0"\nids = "x"\n', "bad-ids", "intent 1"),
    ],
)
def test_what_is_wrong_is_told(text: str, detail: str, where: str) -> None:
    with pytest.raises(IntentError) as caught:
        loads(text)
    assert (caught.value.code, caught.value.details) == ("intent-file", {"detail": detail, "where": where})
