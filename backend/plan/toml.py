"""Intents as TOML: ``[[intent]]`` tables with ``kind`` and the intent's own keys."""

from __future__ import annotations

from collections.abc import Iterable

import tomlkit
from tomlkit.exceptions import TOMLKitError

from backend.errors import IntentError
from backend.node.address import PciAddress
from backend.plan.intents import IommuOn, ReserveCard
from backend.plan.plan import Intent


def loads(text: str) -> tuple[Intent, ...]:
    """Raises IntentError("intent-file") with `detail` (what is wrong) and `where` (line, or which table)."""
    try:
        document = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        line = getattr(error, "line", None)
        raise IntentError("intent-file", detail="not-toml", where=f"line {line}" if line else "") from None
    unknown = sorted(set(document) - {"intent"})
    if unknown:
        raise IntentError("intent-file", detail="unknown-key", where=unknown[0])
    tables = document.get("intent", [])
    if not isinstance(tables, list) or not tables:
        raise IntentError("intent-file", detail="no-intent", where="")
    return tuple(_intent(table, f"intent {number}") for number, table in enumerate(tables, start=1))


def _intent(table: object, where: str) -> Intent:
    if not isinstance(table, dict):
        raise IntentError("intent-file", detail="not-a-table", where=where)
    kind = table.get("kind")
    if kind == IommuOn.kind:
        _only(table, {"kind"}, where)
        return IommuOn()
    if kind == ReserveCard.kind:
        _only(table, {"kind", "address", "ids"}, where)
        ids = table.get("ids", [])
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise IntentError("intent-file", detail="bad-ids", where=where)
        try:
            return ReserveCard(PciAddress.parse(str(table.get("address", ""))), tuple(i.lower() for i in ids))
        except ValueError:
            raise IntentError("intent-file", detail="bad-address", where=where) from None
    raise IntentError("intent-file", detail="unknown-kind", where=where)


def _only(table: dict[str, object], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise IntentError("intent-file", detail="unknown-key", where=f"{where}, {unknown[0]}")


def dumps(intents: Iterable[Intent]) -> str:
    """The same intents as text; `loads` gives them back."""
    tables = tomlkit.aot()
    for intent in intents:
        table = tomlkit.table()
        table["kind"] = intent.kind
        if isinstance(intent, ReserveCard):
            table["address"] = str(intent.address)
            if intent.ids:
                table["ids"] = list(intent.ids)
        tables.append(table)
    document = tomlkit.document()
    document["intent"] = tables
    return tomlkit.dumps(document)
