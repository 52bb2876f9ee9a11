"""Reserve a card for passthrough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from backend.errors import IntentError
from backend.node.address import PciAddress
from backend.node.blast_radius import BlastRadius, Loss, blast_radius
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.draft import INITRAMFS, REBOOT
from backend.plan.edits import boot_parameters, modprobe
from backend.plan.plan import Draft, Hazard, Verdict

MODULES = "/etc/modules-load.d/lanewright.conf"
_DRIVER = "vfio-pci"


@dataclass(frozen=True, slots=True)
class ReserveCard:
    """All functions of the card at `address` held by vfio-pci from boot, by their ids.

    `ids` is the card's identity as ("10de:2204", "10de:1aef"), in function order: an address is where a card was
    seen, not what it is. Empty: whatever is there at the time of the plan.
    """

    address: PciAddress
    ids: tuple[str, ...] = ()

    kind: ClassVar[str] = "reserve-card"

    @classmethod
    def of(cls, node: Node, address: PciAddress) -> ReserveCard:
        """The card that holds this function, as it is now, named by its first function."""
        card = node.card(address)
        return cls(card[0].address, tuple(f.ids or "" for f in card)) if card else cls(address)

    def edit(self, draft: Draft) -> None:
        card = self._card(draft.node)
        ids = tuple(function.ids or "" for function in card)
        if any(not i for i in ids):
            raise IntentError("ids-unknown", node=draft.node.hostname, address=str(self.address))
        folder = {
            path: content
            for path in {*draft.node.files, modprobe.OURS}
            if path.rpartition("/")[0] == modprobe.FOLDER and (content := draft.read(path)) is not None
        }
        rivals = tuple(dict.fromkeys(name for function in card for name in _rivals(function)))
        for path, content in modprobe.claim(folder, ids, rivals).items():
            draft.write(path, content)
            draft.needs(INITRAMFS)
            draft.needs(REBOOT)
        _claim_on_command_line(draft, ids)
        if not _loaded_at_boot(draft):
            # A card that no other driver wants has no softdep to pull vfio-pci in.
            draft.write(MODULES, b"vfio-pci\n")
            draft.needs(REBOOT)
        if any(function.driver != _DRIVER for function in card):
            draft.needs(INITRAMFS)
            draft.needs(REBOOT)

    def hazards(self, node: Node) -> tuple[Hazard, ...]:
        """What the host loses by its blast radius. Guests that have the card by now are meant to."""
        if self.address not in node.by_address:
            return ()
        radius = blast_radius(node, self.address, by_ids=True)
        own = (
            Hazard(loss.use.kind, loss.use.address, loss.use.chain, loss.refuses or _is_last_way_in(loss))
            for address in radius.taken
            for loss in radius.of(address)
            if loss.use.kind != "guest"
        )
        others = (
            *(_losing(radius, "same-ids", address) for address in radius.same_ids),
            *(
                _losing(radius, "group-mate", address)
                for address in radius.dragged
                if radius.of(address) or not node.by_address[address].is_bridge  # a host bridge is missed by nobody
            ),
        )
        return tuple(dict.fromkeys((*own, *others)))

    def holds(self, node: Node) -> Verdict:
        try:
            card = self._card(node)
        except IntentError as error:
            return Verdict(self, False, error.code, (Evidence(f"/sys/bus/pci/devices/{self.address}", None),))
        evidence = tuple(Evidence(f"/sys/bus/pci/devices/{f.address}/driver", f.driver) for f in card)
        held = all(function.driver == _DRIVER for function in card)
        return Verdict(self, held, "holds" if held else "other-driver", evidence)

    def _card(self, node: Node) -> tuple[Function, ...]:
        address = str(self.address)
        function = node.by_address.get(self.address)
        if function is None:
            raise IntentError("no-such-device", node=node.hostname, address=address)
        if function.is_bridge:
            raise IntentError("is-a-bridge", node=node.hostname, address=address)
        if function.physical_function is not None:
            raise IntentError("is-a-virtual-function", node=node.hostname, address=address)
        card = node.card(self.address)
        if self.ids and tuple(f.ids or "" for f in card) != self.ids:
            raise IntentError("device-moved", node=node.hostname, address=address, expected=", ".join(self.ids))
        return card


def _is_last_way_in(loss: Loss) -> bool:
    """The only console costs little while the node runs, but a push whose restart ends without network needs it."""
    return loss.use.kind == "console" and not loss.is_spared


def _rivals(function: Function) -> tuple[str, ...]:
    """Drivers that would take the function first."""
    names = (*((function.driver,) if function.driver else ()), *function.modules)
    return tuple(name for name in names if not modprobe.same(name, _DRIVER) and name not in ("pcieport", "pci-stub"))


def _claim_on_command_line(draft: Draft, ids: tuple[str, ...]) -> None:
    """An admin's vfio-pci.ids= on the kernel command line is heard after modprobe.d and silences it: it grows, too."""
    if not boot_parameters.mentions(draft, b"ids="):
        return
    given = tuple(t for t in boot_parameters.given(draft) if t.startswith(("vfio-pci.ids=", "vfio_pci.ids=")))
    if not given:
        return
    now = modprobe.split_ids(given[-1])
    wanted = modprobe.joined(now, ids)
    if wanted != now:
        boot_parameters.change(draft, (f"vfio-pci.ids={','.join(wanted)}",), given)
        boot_parameters.apply(draft)


def _loaded_at_boot(draft: Draft) -> bool:
    paths = {*(p for p in draft.node.files if p.startswith("/etc/modules-load.d/")), "/etc/modules", MODULES}
    return any(
        modprobe.same(line.strip(), _DRIVER)
        for path in paths
        for line in (draft.read(path) or b"").decode("utf-8", "replace").splitlines()
    )


def _losing(radius: BlastRadius, code: str, address: PciAddress) -> Hazard:
    """A device that goes too; it blocks where the host cannot do without it."""
    losses = radius.of(address)
    worst = next((loss for loss in losses if loss.refuses), None) or next(iter(losses), None)
    return Hazard(code, address, worst.chain[1:] if worst else (), worst is not None and worst.refuses)
