"""What an admin can want of a node, by kind."""

from __future__ import annotations

from backend.plan.intents.iommu_on import IommuOn
from backend.plan.intents.reserve_card import ReserveCard

KINDS: dict[str, type[IommuOn] | type[ReserveCard]] = {kind.kind: kind for kind in (IommuOn, ReserveCard)}

__all__ = ["KINDS", "IommuOn", "ReserveCard"]
