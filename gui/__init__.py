"""Lanewright window. PySide6 lives only here; work that waits runs in lanes (gui/tasks.py)."""
