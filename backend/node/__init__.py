"""A node as read from a snapshot: frozen values and pure functions. No I/O, no clock."""
