"""What the inspector says of a function, in sections: plain values, so that it can be shown, copied and tested alike.

Every fact names the place on the node that it was read from: the snapshot holds that place's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backend.doctor.finding import Finding
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import named, parsed_lines
from backend.node.node import Node
from gui import doctor_words, group_words, words
from gui.widgets.facts import verdict

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Fact:
    """`label` may be empty. `fixed`: ids and the like, in a fixed-width font. `source`: a path of the node, or a
    command. `leads_to`: another function that one may go to from here."""

    label: str
    value: str
    fixed: bool = False
    source: str = ""
    leads_to: PciAddress | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """`key` is stable: the inspector remembers by it which parts are closed."""

    key: str
    title: str
    facts: tuple[Fact, ...]


def parts(node: Node, address: PciAddress) -> tuple[Part, ...]:
    """All that is known, in a fixed order; what the snapshot does not tell is left out."""
    f = node.by_address[address]
    here = f"/sys/bus/pci/devices/{address}"
    made = (
        Part("uses", translate("facts", "Who uses it"), _uses(node, f)),
        Part("guests", translate("facts", "VMs and mappings that name it"), _guests(node, f)),
        Part("group", translate("facts", "IOMMU group"), _group(node, f, here)),
        Part("driver", translate("facts", "Driver"), _driver(node, f, here)),
        Part("place", translate("facts", "Place"), _place(node, f, here)),
        Part("identity", translate("facts", "Identity"), _identity(node, f, here)),
        Part("reset", translate("facts", "Reset and power"), _reset(f, here)),
        Part("link", translate("facts", "Link and memory"), _link(f, here)),
    )
    return tuple(part for part in made if part.facts)


def facts(node: Node, address: PciAddress) -> tuple[Fact, ...]:
    """Those of all parts."""
    return tuple(fact for part in parts(node, address) for fact in part.facts)


def as_text(node: Node, address: PciAddress, findings: Sequence[Finding] = ()) -> str:
    """All of the inspector, for the clipboard."""
    said = verdict(node, address)
    text = [words.short_name(node.by_address[address]), f"{said.title}: {said.text}"]
    for finding in findings:
        text += ["", doctor_words.finding_text(node, finding)]
    for part in parts(node, address):
        text += ["", part.title]
        for fact in part.facts:
            line = f"{fact.label}: {fact.value}" if fact.label else fact.value
            text.append(f"  {line}  [{fact.source}]" if fact.source else f"  {line}")
    return "\n".join(text) + "\n"


def _uses(node: Node, f: Function) -> tuple[Fact, ...]:
    return tuple(Fact("", words.use_chain(use)) for use in node.uses_of.get(f.address, ()) if use.kind != "guest")


def _guests(node: Node, f: Function) -> tuple[Fact, ...]:
    """Every VM whose hostpci line names it, by address or through a mapping, and every mapping of this node."""
    found: list[Fact] = []
    mappings = {
        mapping.name: entries
        for mapping in node.mappings
        if (entries := [e for e in mapping.on(node.hostname) if any(f in named(path, (f,)) for path in e.path)])
    }
    for guest in node.guests:
        for slot, hostpci in parsed_lines(guest.hostpci):
            if hostpci.mapping in mappings or any(named(host, (f,)) for host in hostpci.host):
                found.append(_line(doctor_words.guest_word(node, guest.vmid), guest.evidence(slot)))
    for name, entries in mappings.items():
        for entry in entries:
            found.append(_line(translate("facts", "Mapping {name}").format(name=name), entry.evidence))
    return tuple(found)


def _line(label: str, evidence: Evidence) -> Fact:
    place = evidence.source if evidence.line is None else f"{evidence.source}:{evidence.line}"
    return Fact(label, evidence.text or "", fixed=True, source=place)


def _group(node: Node, f: Function, here: str) -> tuple[Fact, ...]:
    found = [Fact(translate("facts", "Group"), words.group_sentence(node, f), source=f"{here}/iommu_group")]
    rules = group_words.predicted(node, f.address)
    if rules is not None and f.group is None:
        found.append(Fact(translate("facts", "Expected"), group_words.expected(node, f.address, rules)))
    for mate in node.mates(f.address):
        found.append(
            Fact(
                words.short_address(mate.address),
                f"{words.short_name(mate)}: {mate_cost(node, mate)}",
                source=f"/sys/kernel/iommu_groups/{f.group}/devices",
                leads_to=mate.address,
            )
        )
    if rules is not None:
        found += [Fact(translate("facts", "Why"), text) for text in group_words.reasons(node, rules)]
        kernel = node.by_group.get(f.group) if f.group is not None else None
        if rules.certain and kernel is not None and set(kernel.functions) != set(rules.functions):
            text = group_words.expected(node, f.address, rules)
            found.append(
                Fact(
                    translate("facts", "Differs"),
                    translate("facts", "its rules would have it {group}").format(group=text),
                )
            )
    return tuple(found)


def mate_cost(node: Node, mate: Function) -> str:
    """What it costs the host that this one goes along."""
    if mate.is_bridge:
        return translate("facts", "a bridge, stays with the host")
    uses = [use for use in node.uses_of.get(mate.address, ()) if use.kind != "guest"]
    if uses:
        return "; ".join(words.use_chain(use) for use in uses)
    if mate.driver is None or mate.driver == "vfio-pci":
        return translate("facts", "free of cost")
    return translate("facts", "free of cost; {driver} lets it go").format(driver=mate.driver)


def _driver(node: Node, f: Function, here: str) -> tuple[Fact, ...]:
    found: list[Fact] = []
    if word := words.driver_word(node, f):
        found.append(Fact(translate("facts", "Driver"), word, source=f"{here}/driver"))
    if f.driver_override:
        found.append(
            Fact(translate("facts", "Override"), f.driver_override, fixed=True, source=f"{here}/driver_override")
        )
    if f.modules:
        found.append(Fact(translate("facts", "Modules for it"), ", ".join(f.modules), source="lspci -k"))
    return tuple(found)


def _place(node: Node, f: Function, here: str) -> tuple[Fact, ...]:
    found = [Fact(translate("facts", "Address"), str(f.address), fixed=True, source=here)]
    if f.slot:
        found.append(Fact(translate("facts", "Slot"), f.slot, source="/sys/bus/pci/slots"))
    if f.label:
        found.append(Fact(translate("facts", "Label"), f.label, source=f"{here}/label"))
    if interface := words.interface_of(node, f.address):
        found.append(Fact(translate("facts", "Interface"), interface, source=f"/sys/class/net/{interface}/device"))
    if addresses := words.addresses_of(node, f.address):
        found.append(Fact(translate("facts", "Addresses"), ", ".join(addresses), source="ip addr"))
    if way := _way_up(node, f):
        found.append(
            Fact(translate("facts", "Behind"), " → ".join(map(words.short_address, way)), fixed=True, leads_to=way[-1])
        )
    if f.numa_node is not None and f.numa_node >= 0:
        found.append(Fact(translate("facts", "NUMA node"), str(f.numa_node), source=f"{here}/numa_node"))
    if f.physical_function is not None:
        found.append(
            Fact(
                translate("facts", "VF of"),
                str(f.physical_function),
                fixed=True,
                source=f"{here}/physfn",
                leads_to=f.physical_function,
            )
        )
    if f.sriov_total:
        text = translate("facts", "{now} of {most}").format(now=f.sriov_vfs or 0, most=f.sriov_total)
        found.append(Fact(translate("facts", "VFs"), text, source=f"{here}/sriov_numvfs"))
    return tuple(found)


def _way_up(node: Node, f: Function) -> tuple[PciAddress, ...]:
    """Bridges from the root to the one right above."""
    way: list[PciAddress] = []
    at = f.parent
    while at is not None and at not in way:
        way.append(at)
        above = node.by_address.get(at)
        at = above.parent if above is not None else None
    return tuple(reversed(way))


def _identity(node: Node, f: Function, here: str) -> tuple[Fact, ...]:
    found = [Fact(translate("facts", "Kind"), words.class_word(f), source=f"{here}/class")]
    if f.vendor_name:
        found.append(Fact(translate("facts", "Maker"), f.vendor_name, source="lspci"))
    if f.device_name:
        found.append(Fact(translate("facts", "Name"), f.device_name, source="lspci"))
    if f.ids:
        found.append(Fact(translate("facts", "Ids"), f.ids, fixed=True, source=f"{here}/vendor, device"))
    if f.subsystem_vendor is not None and f.subsystem_device is not None:
        ids = f"{f.subsystem_vendor:04x}:{f.subsystem_device:04x}"
        found.append(
            Fact(translate("facts", "Subsystem"), ids, fixed=True, source=f"{here}/subsystem_vendor, subsystem_device")
        )
    if f.revision is not None:
        found.append(Fact(translate("facts", "Revision"), f"{f.revision:02x}", fixed=True, source=f"{here}/revision"))
    if f.class_code is not None:
        found.append(Fact(translate("facts", "Class"), f"{f.class_code:06x}", fixed=True, source=f"{here}/class"))
    if f.serial:
        found.append(Fact(translate("facts", "Serial"), f.serial, fixed=True, source=f"{here}/config"))
    return tuple(found)


def _reset(f: Function, here: str) -> tuple[Fact, ...]:
    found: list[Fact] = []
    if f.reset_methods is not None:
        none = translate("facts", "none")
        found.append(
            Fact(translate("facts", "Reset"), ", ".join(f.reset_methods) or none, source=f"{here}/reset_method")
        )
    if f.power_state:
        cold = translate("facts", "{state}, may reach D3cold").format(state=f.power_state)
        text = cold if f.d3cold_allowed else f.power_state
        found.append(Fact(translate("facts", "Power"), text, source=f"{here}/power_state, d3cold_allowed"))
    if f.boot_vga:
        text = translate("facts", "the firmware's first one")
        found.append(Fact(translate("facts", "Display"), text, source=f"{here}/boot_vga"))
    return tuple(found)


def _link(f: Function, here: str) -> tuple[Fact, ...]:
    found: list[Fact] = []
    if f.link is not None:
        source = f"{here}/current_link_speed, max_link_speed"
        found.append(Fact(translate("facts", "Link"), words.link_now_of_max(f.link), source=source))
    for bar in f.bars:
        if bar.size:
            name = (
                translate("facts", "ROM")
                if bar.index == 6
                else translate("facts", "BAR {index}").format(index=bar.index)
            )
            found.append(Fact(name, f"{words.bar_line(bar)} · {bar.start:#x}", source=f"{here}/resource"))
    return tuple(found)
