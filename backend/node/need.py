"""What something needs of the hardware to go on: where there is redundancy, the loss of one part is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from backend.node.address import PciAddress


@dataclass(frozen=True, slots=True)
class Need:
    """At least `count` of `parts`: all of them (a stripe, the ports of a bridge), one (a mirror, a bond), or most
    (raidz, RAID 5). With a count of 0 it is met whatever goes: it does not lie on PCI."""

    count: int
    parts: tuple[PciAddress | Need, ...] = ()

    @classmethod
    def of_all(cls, parts: Iterable[PciAddress | Need]) -> Need:
        every = tuple(dict.fromkeys(parts))
        return cls(len(every), every)

    @classmethod
    def of_one(cls, parts: Iterable[PciAddress | Need]) -> Need:
        """Never met without any part."""
        return cls(1, tuple(parts))

    def met_without(self, gone: Collection[PciAddress]) -> bool:
        there = (part.met_without(gone) if isinstance(part, Need) else part not in gone for part in self.parts)
        return sum(there) >= self.count


ALWAYS = Need(0)
