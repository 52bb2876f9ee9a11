"""An intent as JSON, as ``lanewright-cli`` prints it (docs/cli.md)."""

from __future__ import annotations

import dataclasses
from typing import Any

from backend.plan.plan import Intent


def intent_json(intent: Intent) -> dict[str, Any]:
    """``{"kind": "reserve-card", "address": "0000:01:00.0", "ids": [...]}``: the keys of its TOML form."""
    fields: dict[str, Any] = {"kind": intent.kind}
    for field in dataclasses.fields(intent):  # type: ignore[arg-type]  # they are, which a Protocol cannot say
        value = getattr(intent, field.name)
        fields[field.name] = list(value) if isinstance(value, tuple) else str(value)
    return fields
