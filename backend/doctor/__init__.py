"""What a node's snapshot says stands in the way: one module a subject, one function a rule. Pure."""
