"""Boxes in front of the window. Always opened with open(), never exec(): no nested event loop."""
