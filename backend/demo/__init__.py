"""A simulated small cluster behind real SSH and HTTPS on loopback.

Nothing of a node ever runs on the user's own machine.
"""
