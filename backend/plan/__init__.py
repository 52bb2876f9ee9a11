"""From what is wanted to the exact bytes and commands. Pure: no I/O, no clock."""
