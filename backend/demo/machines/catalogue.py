"""The simulated machines. Ids and names are those of real products; serials and MAC addresses are invented
(locally administered, 02:...)."""

from __future__ import annotations

from backend.demo.machines.server import huge, server
from backend.demo.machines.small import small
from backend.demo.machines.workstation import workstation

__all__ = ["huge", "server", "small", "workstation"]
