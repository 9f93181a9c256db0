"""What can be watched from outside: the real program's pages over HTTP, and that contrib/ and README say what is so."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import core_builders
import pytest
from bot_builders import ANNA, NOW, Clock, move_ids
from bot_rig import HOT, running_panel, running_rig
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML  # comes with check-jsonschema
from stack import HOT_WORLD, NODE_NAMES_OF_STRANGERS, Bot, Stack, buttons, running_stack, world

from balancer.model import Snapshot
from balancer.planner import plan
from balancer.policy import Policy
from bot.cli import BAD_SETTINGS
from bot.config import Settings
from bot.errors import ConfigError
from bot.health import Health, State
from bot.metrics import Metrics
from bot.metrics_page import ERROR_KINDS, OUTCOMES, RESULTS, Known, page
from bot.metrics_server import MetricsServer
from bot.metrics_tally import Counted, CycleTally, Durations, FigureMark, Waiting
from bot.proposals import MigrationState, Verdict
from bot.sanitize import one_line
from bot.store import Store

ROOT = Path(__file__).resolve().parent.parent
Labels = frozenset[tuple[str, str]]
OURS = "vm_balancer_"


class Seen:
    """A page as Prometheus would take it: every sample once."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, Labels], float] = {}
        self.families: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, f"{family.name} stands twice"
            assert family.documentation, family.name
            self.families[family.name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} stands twice"
                self.samples[key] = sample.value

    def get(self, name: str, **labels: str) -> float | None:
        return self.samples.get((OURS + name, frozenset(labels.items())))

    def all_of(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {tuple(sorted(labels)): v for (n, labels), v in self.samples.items() if n == OURS + name}

    @property
    def labels(self) -> dict[str, dict[str, set[str]]]:
        """Sample -> label -> its values."""
        found: dict[str, dict[str, set[str]]] = {}
        for name, labels in self.samples:
            of_sample = found.setdefault(name, {})
            for label, value in labels:
                of_sample.setdefault(label, set()).add(value)
        return found
