"""Carrying a plan out on a node, and looking afterwards."""
