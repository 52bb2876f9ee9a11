"""Descriptions of simulated nodes, and what a kernel would show of them."""
