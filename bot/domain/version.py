"""The version of this program. ``pyproject.toml`` names the same one; a test compares them.

A constant, because reading the metadata of the installed package takes as long as the rest of ``--version``.
"""

VERSION = "3.0.0"
