"""The only room that speaks to the network: SSH and the PVE API."""
