"""The one file that runs on the node, and the protocol spoken with it."""
