"""Wait until a node is back, and not the same boot as before."""

from __future__ import annotations

import time
from collections.abc import Callable

from backend.errors import CommandTimeout, ConnectError, LoginError, NodeError
from backend.progress import CancelToken, Progress, Report
from backend.push.collect import read_boot_id
from backend.push.connection import Connection

_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between tries, the last one repeated


def wait_for_new_boot(
    connect: Callable[[], Connection],
    old_boot_id: str | None,
    *,
    timeout: float,
    token: CancelToken,
    report: Report,
) -> Connection:
    """A fresh connection to the node in another boot. A changed host key is raised at once; a refused login is not:
    a node that is still starting may refuse (pam_nologin).

    Raises ConnectError("not-back") after `timeout` seconds, with `last` saying why the last try failed.
    """
    began = time.monotonic()
    last = ""
    tries = 0
    while (waited := time.monotonic() - began) < timeout:
        report(Progress("wait", int(waited), int(timeout), last))
        token.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
        tries += 1
        connection: Connection | None = None
        try:
            connection = connect()
            if read_boot_id(connection, token) != old_boot_id:
                return connection
            last = "same-boot"
        except (ConnectError, LoginError, CommandTimeout, NodeError) as error:
            last = error.code
        if connection is not None:
            connection.close()
    raise ConnectError("not-back", last=last)
