"""Evidence of a node, raw and at its own paths, and the readers that make a Node of it."""
