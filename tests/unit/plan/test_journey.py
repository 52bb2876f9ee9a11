"""From intents to a card held by vfio-pci, and back, on the simulated nodes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from demo_push import node_of, push

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.errors import IntentError
from backend.node.address import PciAddress
from backend.plan.build import build
from backend.plan.intents import IommuOn, ReserveCard
from backend.plan.plan import Hazard, Reboot, RunCommand, WriteFile
from backend.plan.rollback import PUSHES, rollback, rolls_back

GPU = ReserveCard(PciAddress.parse("0000:01:00.0"), ("10de:2786", "10de:22bc"))
BOTH = (IommuOn(), GPU)


@pytest.fixture
def world() -> World:
    return World(catalogue.workstation())


def configured(world: World) -> dict[str, bytes]:
    return {path: content for path, content in world.disk.files.items() if path.startswith(("/etc/", "/boot/"))}


def test_the_steps_in_their_order(world: World) -> None:
    plan = build(node_of(world), BOTH)
    assert [step.path for step in plan.writes] == [
        "/etc/default/grub",
        "/etc/modprobe.d/lanewright.conf",
        "/etc/modules-load.d/lanewright.conf",
    ]
    assert plan.steps[3:] == (
        RunCommand(("update-grub",), 300),
        RunCommand(("update-initramfs", "-u", "-k", "all"), 1800),
        Reboot(("iommu-on", "reserve-card")),
    )
    assert plan.hazards == ()
    assert (plan.hostname, plan.boot_id) == ("pve1", node_of(world).boot_id)


def test_the_card_is_held_after_the_push_and_nothing_is_left_to_do(world: World) -> None:
    before = node_of(world)
    assert [intent.holds(before).holds for intent in BOTH] == [False, False]
    push(world, build(before, BOTH), "a")
    after = node_of(world)
    assert [intent.holds(after).holds for intent in BOTH] == [True, True]
    assert world.reachable
    assert build(after, BOTH).steps == ()


def test_roll_back_gives_every_byte_back(world: World) -> None:
    before = configured(world)
    push(world, build(node_of(world), BOTH), "a")
    assert configured(world) != before
    node = node_of(world)
    assert rolls_back(node) == "a"
    plan = rollback(node)
    assert plan.hazards == ()
    assert plan.reboots
    push(world, plan, "b", rolls_back="a")
    assert configured(world) == before
    after = node_of(world)
    assert [intent.holds(after).holds for intent in BOTH] == [False, False]
    assert rolls_back(after) is None
    with pytest.raises(IntentError) as caught:
        rollback(after)
    assert caught.value.code == "nothing-to-roll-back"


def test_pushes_are_rolled_back_last_first(world: World) -> None:
    push(world, build(node_of(world), (IommuOn(),)), "a")
    push(world, build(node_of(world), (GPU,)), "b")
    assert rolls_back(node_of(world)) == "b"
    push(world, rollback(node_of(world)), "c", rolls_back="b")
    node = node_of(world)
    assert (IommuOn().holds(node).holds, GPU.holds(node).holds) == (True, False)
    assert rolls_back(node) == "a"


def test_a_file_changed_since_blocks(world: World) -> None:
    push(world, build(node_of(world), BOTH), "a")
    path = "/etc/default/grub"
    world.write(path, world.disk.files[path] + b"# mine\n")
    plan = rollback(node_of(world))
    assert plan.hazards == (Hazard("changed-since", None, (path,), blocks=True),)
    assert plan.refused
    assert [step.before for step in plan.writes if step.path == path] == [world.disk.files[path]]


def test_a_roll_back_that_failed_is_tried_again(world: World) -> None:
    push(world, build(node_of(world), BOTH), "a")
    frames = push(world, rollback(node_of(world)), "b", rolls_back="a")
    assert frames[-1]["state"] == "done"
    journal = f"{PUSHES}/b/journal.jsonl"
    lines = world.disk.files[journal].splitlines(keepends=True)
    assert json.loads(lines[-1])["state"] == "done"
    world.write(journal, b"".join(lines[:-1]) + b'{"state": "failed", "at": 1}\n{"torn')
    assert rolls_back(node_of(world)) == "a"
    assert rollback(node_of(world)).writes == ()  # the files are back; the commands are run again


def test_a_reservation_alone_grows_ours_and_keeps_the_first(world: World) -> None:
    push(world, build(node_of(world), BOTH), "a")
    usb = ReserveCard(PciAddress.parse("0000:06:00.0"))
    push(world, build(node_of(world), (usb,)), "b")
    node = node_of(world)
    assert GPU.holds(node).holds
    assert usb.holds(node).holds


def test_a_list_on_the_kernel_command_line_grows_too(world: World) -> None:
    path = "/etc/default/grub"
    text = world.disk.files[path].replace(b"quiet", b"quiet vfio-pci.ids=1912:0014")
    world.write(path, text)
    world.run(("update-grub",))
    world.restart()
    push(world, build(node_of(world), BOTH), "a")
    assert b"vfio-pci.ids=1912:0014,10de:2786,10de:22bc" in world.disk.files[path]
    assert GPU.holds(node_of(world)).holds


def test_an_edit_that_was_never_booted_needs_no_write(world: World) -> None:
    path = "/etc/default/grub"
    world.write(path, world.disk.files[path].replace(b"intel_iommu=off", b"intel_iommu=on"))
    plan = build(node_of(world), (IommuOn(),))
    assert plan.steps == (RunCommand(("update-grub",), 300), Reboot(("iommu-on",)))


@pytest.mark.parametrize("make", [catalogue.server, catalogue.small])
def test_where_the_iommu_is_on_nothing_is_done(make: Callable[[], Machine]) -> None:
    node = node_of(World(make()))
    assert IommuOn().holds(node).holds
    assert build(node, (IommuOn(),)).steps == ()


def test_amd_switched_off_is_switched_on_without_a_parameter_of_its_own() -> None:
    world = World(catalogue.server())
    path = "/etc/default/grub"
    original = world.disk.files[path]
    world.write(path, original.replace(b'"quiet"', b'"quiet amd_iommu=off"'))
    world.run(("update-grub",))
    world.restart()
    assert IommuOn().holds(node_of(world)).code == "switched-off"
    plan = build(node_of(world), (IommuOn(),))
    assert [step.after for step in plan.steps if isinstance(step, WriteFile)] == [original]
    push(world, plan, "a")
    assert IommuOn().holds(node_of(world)).holds


@pytest.mark.parametrize(
    ("make", "address"),
    [(catalogue.server, "0000:81:00.0"), (catalogue.workstation, "0000:03:00.0")],
)
def test_a_plan_that_is_refused_would_indeed_hurt_or_else_the_card_is_held(
    make: Callable[[], Machine], address: str
) -> None:
    world = World(make())
    wish = ReserveCard(PciAddress.parse(address))
    plan = build(node_of(world), (IommuOn(), wish))
    push(world, plan, "a")
    assert wish.holds(node_of(world)).holds
    assert world.reachable is not plan.refused
