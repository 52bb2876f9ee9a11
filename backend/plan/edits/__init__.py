"""Edits of single files, token by token: what is not ours stays as it is, to the byte."""
