"""Fixtures and hooks for all tests."""

from __future__ import annotations

from hypothesis import settings

import bot.telegram  # noqa: F401 - first, as in the program: aiogram alone builds all its models at once

# The time of an example depends on the machine: a slow example is no defect.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
