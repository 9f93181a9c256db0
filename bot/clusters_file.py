"""CLUSTERS_FILE: other values for single clusters, and the rules about VMs. docs/clusters-file.md describes it.

Reads JSON or TOML, judges it strictly, and says everything that is wrong at once. Which cluster an entry means is
decided later, against what the panel shows; so is which VMs a rule means (balancer/groups.py).
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from balancer.groups import VMRule
from balancer.model import Cluster
from balancer.policy import Policy
from bot.config import POLICY_FIELDS, Settings
from bot.config_checks import Problem
from bot.config_values import LARGEST_ID, needed
from bot.errors import ConfigError

REMEDY = "mend it (docs/clusters-file.md), or leave CLUSTERS_FILE empty"
SHOWN = 60


def _id_or_name(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID:
        return value
    return _word(value, "an id (a whole number above 0) or a name (in quotes, with * and ?) is needed")


def _tag(value: Any) -> Any:
    return _word(value, "a tag (in quotes) is needed")


def _word(value: Any, need: str) -> Any:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(need)
    return value.strip()


IdsAndNames = list[Annotated[Any, AfterValidator(_id_or_name)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class RuleEntry(_Strict):
    """One rule as it stands in the file."""

    type: Literal["anti-affinity", "affinity", "pin", "stay", "ignore"]
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    vms: IdsAndNames = Field(default_factory=list)
    tags: list[Annotated[Any, AfterValidator(_tag)]] = Field(default_factory=list)
    nodes: IdsAndNames = Field(default_factory=list)

    @model_validator(mode="after")
    def _means_something(self) -> RuleEntry:
        self.rule()
        return self

    def rule(self) -> VMRule:
        """
        Raises:
            ValueError: the rule means no VM, or its nodes do not go with its type.
        """
        whom = ", ".join(str(v) for v in [*self.vms, *self.tags])
        return VMRule(
            kind=self.type,
            name=self.name or whom or self.type,
            vm_ids=_ids(self.vms),
            vm_names=_names(self.vms),
            vm_tags=tuple(self.tags),
            node_ids=_ids(self.nodes),
            node_names=_names(self.nodes),
        )


class _ClusterEntry(_Strict):
    rules: list[RuleEntry] = Field(default_factory=list)

    def applied_to(self, policy: Policy) -> Policy:
        """The policy with what this entry says otherwise, and with its rules besides."""
        own = {POLICY_FIELDS[field]: getattr(self, field) for field in self.model_fields_set - {"rules"}}
        return replace(policy, **own, rules=(*policy.rules, *(entry.rule() for entry in self.rules)))


# With the types and bounds of the settings; which of them an entry holds, its model_fields_set says.
_overrides: dict[str, Any] = {
    field: (info.annotation, copy(info)) for field, info in Settings.model_fields.items() if field in POLICY_FIELDS
}
ClusterEntry: type[_ClusterEntry] = create_model("ClusterEntry", __base__=_ClusterEntry, **_overrides)
"""What the file may say about one cluster: any of POLICY_FIELDS, called as the settings in lower case, and rules."""


class _Document(_Strict):
    rules: list[RuleEntry] = Field(default_factory=list)
    clusters: dict[str, ClusterEntry] = Field(default_factory=dict)  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class ClustersFile:
    """What the file says; without one, nothing."""

    rules: tuple[VMRule, ...] = ()
    entries: tuple[tuple[str, _ClusterEntry], ...] = ()
    """The name or id of a cluster, and what is said about it, in the order of the file."""

    def policy_for(self, cluster: Cluster, policy: Policy) -> Policy:
        """The policy of this cluster: the general one, with what the file says for all and for this one."""
        policy = replace(policy, rules=(*policy.rules, *self.rules)) if self.rules else policy
        for _, entry in self._of(cluster):
            policy = entry.applied_to(policy)
        return policy

    def sets(self, cluster: Cluster, field: str) -> bool:
        """Whether the file gives this cluster a value of its own for this setting."""
        return any(field in entry.model_fields_set for _, entry in self._of(cluster))

    def all_of(self, field: str) -> dict[str, Any]:
        """Every value that the file gives for a setting, by the name or id of the cluster as it is written."""
        return {key: getattr(entry, field) for key, entry in self.entries if field in entry.model_fields_set}

    def unknown(self, clusters: Iterable[Cluster]) -> list[str]:
        """Names and ids in the file that no cluster has."""
        known = list(clusters)
        return [key for key, _ in self.entries if not any(_means(key, c) for c in known)]

    def _of(self, cluster: Cluster) -> list[tuple[str, _ClusterEntry]]:
        return [(key, entry) for key, entry in self.entries if _means(key, cluster)]


def load_clusters_file(path: Path | None) -> ClustersFile:
    """
    Raises:
        ConfigError: it cannot be read, is neither JSON nor TOML, or something in it makes no sense; all at once.
    """
    if path is None:
        return ClustersFile()
    document = _read(path)
    try:
        found = _Document.model_validate(document)
    except ValidationError as error:
        raise ConfigError([f"{path}: {_complaint(e, document)}" for e in error.errors()]) from None
    return ClustersFile(tuple(entry.rule() for entry in found.rules), tuple(found.clusters.items()))


def check_clusters_file(settings: Settings) -> list[Problem]:
    """The file that CLUSTERS_FILE names can be used."""
    try:
        load_clusters_file(settings.clusters_file)
    except ConfigError as error:
        return [Problem(("clusters_file",), f"CLUSTERS_FILE: {problem}") for problem in error.problems]
    return []


# --- reading --------------------------------------------------------------------------------------------


def _read(path: Path) -> Any:
    kind = path.suffix.lower()
    if kind not in (".json", ".toml"):
        raise ConfigError([f"{path} is neither .json nor .toml: name it so, by what is in it"])
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_without_twins) if kind == ".json" else _toml(text)
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}): {REMEDY}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8: save it as UTF-8"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path} is not {kind[1:].upper()} ({error}): {REMEDY}"]) from error


def _toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands twice in one object")
        found[key] = value
    return found


def _complaint(error: Any, document: Any) -> str:
    """Path, value and remedy of one of pydantic's complaints."""
    loc = error["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".") or "the file"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _keys_at(loc), n=1, cutoff=0.6)
        known = f"{near[0]} is probably meant" if near else f"known are {', '.join(_keys_at(loc))}"
        return f"{place} is not known here: {known}"
    if error["type"] == "missing":
        return f"{place} is missing: {needed(error)}"
    value = document
    for part in loc:
        value = value[part]
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"{place} is {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'}: {needed(error)}"


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    if len(loc) == 1:
        return list(_Document.model_fields)
    model = ClusterEntry if loc[0] == "clusters" and len(loc) == 3 else RuleEntry
    return sorted(model.model_fields)


# --- helpers --------------------------------------------------------------------------------------------


def _ids(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(v for v in values if isinstance(v, int))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(v for v in values if isinstance(v, str))


def _means(key: str, cluster: Cluster) -> bool:
    return key.strip().casefold() in (str(cluster.id), cluster.name.casefold())
