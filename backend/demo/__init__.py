"""A simulated small cluster behind real SSH and HTTPS on loopback. Nothing of it runs on the user's own machine."""
