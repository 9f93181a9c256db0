"""CLUSTERS_FILE: other values for single clusters, and rules about VMs. docs/clusters-file.md describes it.

Reads JSON or TOML strictly, and reports all problems at once. The panel's answer decides later which cluster an entry
means and which VMs a rule matches (balancer/groups.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model, model_validator

from balancer.groups import VMRule
from balancer.model import Cluster, Node
from balancer.policy import Policy
from bot.config.documents import Strict, id_or_name, read_strictly, word
from bot.config.settings import ASSIST_FIELDS, POLICY_FIELDS, Settings
from bot.config.validation import TWO_PERSONS_OR_AUTO, Problem
from bot.domain.modes import APPROVE
from bot.errors import ConfigError

CLUSTER_FIELDS = (*POLICY_FIELDS, "migration_window", "balance_mode", *ASSIST_FIELDS)
REMEDY = "correct it (docs/clusters-file.md describes the file), or leave CLUSTERS_FILE empty"


def _id_or_name(value: Any) -> Any:
    return id_or_name(value, "an id (a whole number above 0) or a name (in quotes, with * and ?) is needed")


def _tag(value: Any) -> Any:
    return word(value, "a tag (in quotes) is needed")


IdsAndNames = list[Annotated[Any, AfterValidator(_id_or_name)]]


class RuleEntry(Strict):
    """One rule, as the file has it."""

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
            ValueError: the rule names no VM, or nodes are not allowed for its type.
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


class _ClusterEntry(Strict):
    rules: list[RuleEntry] = Field(default_factory=list)
    node_groups: dict[str, IdsAndNames] = Field(default_factory=dict)
    """Nodes that can be lost together, such as those of a rack, by the name of the group."""

    def applied_to(self, policy: Policy) -> Policy:
        """The policy with the values of this entry, and with its rules added."""
        own = {POLICY_FIELDS[field]: getattr(self, field) for field in self.model_fields_set & POLICY_FIELDS.keys()}
        return replace(policy, **own, rules=(*policy.rules, *(entry.rule() for entry in self.rules)))


# Types and bounds are the same as in Settings. model_fields_set has the fields that an entry sets.
_overrides: dict[str, Any] = {
    field: (info.annotation, copy(info)) for field, info in Settings.model_fields.items() if field in CLUSTER_FIELDS
}
ClusterEntry: type[_ClusterEntry] = create_model("ClusterEntry", __base__=_ClusterEntry, **_overrides)
"""One cluster in the file: rules, and any of CLUSTER_FIELDS under the name of the setting in small letters."""


class _Document(Strict):
    rules: list[RuleEntry] = Field(default_factory=list)
    clusters: dict[str, ClusterEntry] = Field(default_factory=dict)  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class ClustersFile:
    """The content of the file; empty without a file."""

    rules: tuple[VMRule, ...] = ()
    entries: tuple[tuple[str, _ClusterEntry], ...] = ()
    """The name or id of a cluster and its entry, in the order of the file."""

    def policy_for(self, cluster: Cluster, policy: Policy) -> Policy:
        """The policy of this cluster: the given one, with the rules for all clusters and the entries for this one."""
        policy = replace(policy, rules=(*policy.rules, *self.rules)) if self.rules else policy
        for _, entry in self._of(cluster):
            policy = entry.applied_to(policy)
        return policy

    def sets(self, cluster: Cluster, field: str) -> bool:
        """Whether the file has a value of this setting for this cluster."""
        return any(field in entry.model_fields_set for _, entry in self._of(cluster))

    def window_of(self, cluster_id: int, cluster_name: str, otherwise: str) -> str:
        """The hours in which migrations of this cluster may start; ``otherwise`` if the file has none for it."""
        return str(self.value_of(cluster_id, cluster_name, "migration_window", otherwise))

    def value_of(self, cluster_id: int, cluster_name: str, field: str, otherwise: Any) -> Any:
        """The value of one of CLUSTER_FIELDS for a cluster; ``otherwise`` if the file has none for it."""
        for key, entry in self.entries:
            if _is_key_of(key, cluster_id, cluster_name) and field in entry.model_fields_set:
                otherwise = getattr(entry, field)
        return otherwise

    def all_of(self, field: str) -> dict[str, Any]:
        """Name or id of a cluster in the file -> its value of a setting."""
        return {key: getattr(entry, field) for key, entry in self.entries if field in entry.model_fields_set}

    def node_group(self, name: str, nodes: Iterable[Node], cluster_names: Mapping[int, str]) -> list[Node]:
        """Those of these nodes that belong to a group with this name (in any case).

        Args:
            cluster_names: cluster -> its name, or the name that the file uses for it.
        """
        return [
            node
            for node in nodes
            for key, entry in self.entries
            if _is_key_of(key, node.cluster_id, cluster_names.get(node.cluster_id, ""))
            for group, members in entry.node_groups.items()
            if group.casefold() == name.strip().casefold()
            and (node.id in _ids(members) or _is_named(node.name, _names(members)))
        ]

    def unknown(self, clusters: Iterable[Cluster]) -> list[str]:
        """Names and ids in the file that no cluster has."""
        known = list(clusters)
        return [key for key, _ in self.entries if not any(_is_key_of(key, c.id, c.name) for c in known)]

    def _of(self, cluster: Cluster) -> list[tuple[str, _ClusterEntry]]:
        return [(key, entry) for key, entry in self.entries if _is_key_of(key, cluster.id, cluster.name)]


def load_clusters_file(path: Path | None) -> ClustersFile:
    """
    Raises:
        ConfigError: the file is not readable, neither JSON nor TOML, or has invalid values; all problems at once.
    """
    if path is None:
        return ClustersFile()
    document = read_strictly(path, _Document, REMEDY)
    return ClustersFile(tuple(entry.rule() for entry in document.rules), tuple(document.clusters.items()))


def check_clusters_file(settings: Settings) -> list[Problem]:
    """Checks that CLUSTERS_FILE is readable and valid."""
    try:
        clusters = load_clusters_file(settings.clusters_file)
    except ConfigError as error:
        return [Problem(("clusters_file",), f"CLUSTERS_FILE: {problem}") for problem in error.problems]
    modes = {key: mode for key, mode in clusters.all_of("balance_mode").items() if mode != APPROVE}
    if not settings.two_person_rule or not modes:
        return []
    text = f"CLUSTERS_FILE: clusters: {next(iter(modes))}: balance_mode={next(iter(modes.values()))}"
    return [Problem(("clusters_file", "two_person_rule"), f"{text}: {TWO_PERSONS_OR_AUTO}")]


# --- helpers --------------------------------------------------------------------------------------------


def _ids(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(v for v in values if isinstance(v, int))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(v for v in values if isinstance(v, str))


def _is_named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name matches one of the patterns: ``*`` and ``?``, in any case, as in rules."""
    return any(fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]")) for pattern in patterns)


def _is_key_of(key: str, cluster_id: int, cluster_name: str) -> bool:
    return key.strip().casefold() in (str(cluster_id), cluster_name.casefold())
