"""What ``lanewright-cli groups`` prints: the groups, why they are so, what another slot or an override would make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backend.node.address import PciAddress
from backend.node.grouping import Predicted, agreement, predict
from backend.node.node import Node
from backend.node.what_if import Cost, Outcome, ask

SCHEMA = "lanewright/groups/1"

_REASONS = {
    "no-acs": "{because} lets devices below it reach one another: {missing}",
    "conventional": "{because} leads to conventional PCI and speaks for all below it",
    "not-apart": "{function} and {because} do not say that they are apart: {missing}",
    "alias": "{function} uses the id of {because} too",
    "vmd": "{because} speaks for all devices behind it",
}
_COSTS = {
    "not-isolated": "not isolated: said, not so",
    "no-effect": "no effect",
    "not-in-kernel": "this kernel does not know it",
    "addresses-shift": "addresses may change",
    "narrower": "fewer lanes than the card has",
}
_AGREE = {True: "as the rules make it", False: "NOT as the rules make it", None: "cannot be told"}


def groups_json(node: Node, card: PciAddress | None) -> dict[str, Any]:
    """Schema lanewright/groups/1, see docs/cli.md."""
    made = predict(node)
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "hostname": node.hostname,
        "predicted": [_group_json(group) for group in made],
        "kernel": [
            {"id": group.id, "functions": [str(a) for a in group.functions], "agrees": agrees}
            for group, agrees in agreement(node, made)
        ],
    }
    if card is not None:
        answers = ask(node, card)
        found["what_if"] = {
            "card": str(card),
            "overrides": [{"value": form, **_outcome_json(outcome, card)} for form, outcome in answers.overrides],
            "slots": [{"port": str(port), **_outcome_json(outcome, card)} for port, outcome in answers.slots],
        }
    return found


def _group_json(group: Predicted) -> dict[str, Any]:
    return {
        "functions": [str(a) for a in group.functions],
        "certain": group.certain,
        "reasons": [
            {
                "code": reason.code,
                "function": str(reason.function),
                "because": str(reason.because),
                "missing": _missing(reason.missing.name),
            }
            for reason in group.reasons
        ],
    }


def _outcome_json(outcome: Outcome, card: PciAddress) -> dict[str, Any]:
    group = outcome.of(card)
    return {
        "group": None if group is None else [str(a) for a in group.functions],
        "costs": [{"code": c.code, "functions": [str(a) for a in c.functions]} for c in outcome.costs],
    }


def _missing(name: str | None) -> list[str]:
    return [part.lower().replace("_", "-") for part in (name or "").split("|") if part]


def groups_text(node: Node, card: PciAddress | None) -> str:
    made = predict(node)
    kernel = {group.functions: (group.id, agrees) for group, agrees in agreement(node, made)}
    lines: list[str] = []
    for group in made:
        number, agrees = kernel.get(group.functions, (None, None))
        if number is not None:
            head = f"group {number} ({_AGREE[agrees]})"
        else:
            head = "expected" if group.certain else "expected, not certain"
        lines.append(f"{head}: {' '.join(map(str, group.functions))}")
        lines += dict.fromkeys(f"    {text}" for text in _why(group))
    made_by_rules = {group.functions for group in made}
    for functions, (number, agrees) in kernel.items():
        if functions not in made_by_rules:
            lines.append(f"group {number} ({_AGREE[agrees]}): {' '.join(map(str, functions))}")
    if card is not None:
        lines += ["", *_what_if(node, card)]
    return "\n".join(lines)


def _why(group: Predicted) -> Iterator[str]:
    for reason in group.reasons:
        missing = ", ".join(_missing(reason.missing.name)) or "ACS"
        yield _REASONS[reason.code].format(
            function=reason.function, because=reason.because, missing=f"it lacks {missing}"
        )


def _what_if(node: Node, card: PciAddress) -> Iterator[str]:
    answers = ask(node, card)
    for form, outcome in answers.overrides:
        yield _answer(f"with pcie_acs_override={form}", outcome, card)
    for port, outcome in answers.slots:
        yield _answer(f"behind port {port}", outcome, card)


def _answer(question: str, outcome: Outcome, card: PciAddress) -> str:
    group = outcome.of(card)
    told = "-" if group is None else " ".join(map(str, group.functions))
    costs = "; ".join(_COSTS[cost.code] for cost in outcome.costs if _concerns(cost, card))
    return f"{question}: {told}" + (f" ({costs})" if costs else "")


def _concerns(cost: Cost, card: PciAddress) -> bool:
    return cost.code != "not-isolated" or card in cost.functions
