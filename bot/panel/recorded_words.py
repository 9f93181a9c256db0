"""The texts and numbers of a panel's answer that may stay in a recording: an allow-list of parts of words. Pure.

A word of a vocabulary is kept if each of its parts is listed here. So a word of an unknown version
(``migration_forbidden``) stays readable, and a name that a person wrote into such a field is removed.
"""

from __future__ import annotations

import re

from bot.panel import vocabulary

_LONGEST = 60
_SEPARATORS = re.compile(r"[\s_,.@\[\]\"'-]+")

_VOCABULARIES = (
    *(vocabulary.TRUE, vocabulary.FALSE, vocabulary.MAINTENANCE_OFF, vocabulary.MAINTENANCE_ON),
    *(vocabulary.BALANCER_OFF, vocabulary.BALANCER_ON, vocabulary.NODE_STATES, vocabulary.VM_STATES),
    *(vocabulary.TASK_DONE, vocabulary.TASK_BUSY, vocabulary.ENDED_STATES),
    *(vocabulary.LOCAL_STORAGE, vocabulary.SHARED_STORAGE),
)
_STATES = """
    abort aborted accept accepted allow allowed attached attaching available backup backuping blocked boot
    booting busy cancel canceled cancelled changing checking cold configuring connected connecting crash created
    deleted denied deny detached detaching disconnected draining drained entered err evacuated exit expired fail
    failing forbid forbidden free full hard hibernated installing installed invalid kept left limited live lost
    maintenance missing mounted moved moving new none ok offline online only open opened out partial passive
    prepared preparing protected ready rebooting rebuilding rejected removed removing reserved resizing resized
    resumed resuming rescue restored restoring restricted running saved shutdown shutting sleeping snapshotting
    soft stale started stopped suspending suspend sync syncing unavailable unknown unmounted updating upgraded
    upgrading use used user valid waiting warning with without
"""
_KINDS = """
    account admin advanced administrator anycast balance balanced balancer bridge bridged btrfs ceph common
    composite container cpu custom default dir disk evenly even eve fabric file flat gateway glusterfs group
    guest host hot image ip iscsi kvm least loaded local lun lvm lxc lxd manual mib model most nas nat native
    nested network nfs node none number only openvz owner passthrough plug policy pool preset qcow qcow2 qemu
    ram random raw rbd readonly region robin role root round route routed routing san sequential shared size
    socket spread storage switch switched switching tag task template thin type uniform uniformly vcpu virtual
    virtualization virtuozzo vlan vm volume vpu vxlan vz zfs
"""
_TASKS = """
    add apply archive attach autostart backup balancer ban block bond boot build change check clean clone
    cluster config configure connect console copy create cron delete detach disable disk drain edit enable
    evacuate evacuation execute export failover firewall gather get ha host hosts iface image import info
    initialize install ip ipv4 ipv6 iso key limit limits link list live load lock maintenance manage migrate
    migration mode mount move network node off on params password plan poll power prepare ptr qemu rebuild
    recipe reconfigure refresh reinstall relocate remove rename repair repository rescue reset resize resources
    restart restore resume revert run save script server set shutdown snapshot ssh start status stop storage
    suspend sync tag transfer unblock unlink unlock unmount unsuspend update upgrade user vm vnc
"""
_SYSTEMS = """
    almalinux alma alpine alt arch astra bitrix bsd centos cloudlinux core debian edition enterprise fedora
    freebsd gentoo hat linux microsoft mint os opensuse oracle other red redos rhel rocky se server sles
    standard stream suse ubuntu unix vmware vzlinux windows
"""
_PIECES = frozenset(
    piece
    for word in (
        *(word for words in _VOCABULARIES for word in words),
        *(word for text in (_STATES, _KINDS, _TASKS, _SYSTEMS) for word in text.split()),
        *("no_error", "not", "in", "of", "the", "is", "by", "and", "for", "from", "to", "all"),
    )
    for piece in _SEPARATORS.split(word.casefold())
    if piece
)

_VERSION = re.compile(
    r"(?:([A-Za-z][A-Za-z ]{1,24}) )?v?(\d{1,2}(?:\.\d{1,3}){0,2})((?:[-+~._][A-Za-z0-9]{1,12}){0,8})"
)
_VERSION_PIECE = re.compile(
    r"(?:el|fc|deb|bpo|ubuntu|ubuntu0|rc|p|r|u|ds|dfsg|pve|vz|module|build|lve|ceph|astra|alt|ce|se)?\d{0,4}(?:u\d{1,3})?|"
    r"x86|amd64|arm64|aarch64|noarch|generic|cloud|virt|lts|rt|server|stable|beta|alpha|final|el\d{1,2}uek|dirty|git"
)
_NUMERIC_KEY = re.compile(
    r"(?:(?:ram|memory|mem|hdd|disk|storage|size|image|available|unused|used|free|total)(?:_[a-z]+)*_mib|"
    r"(?:v?cpu|core|socket|process|file|net|host|vm|node|snapshot|disk|ip|iface|io|backup|task)(?:_[a-z]+)*_"
    r"(?:number|limit|count|total|used)|number|total|used|unused|free|available|allocated|active|stopped|crashed|count|"
    r"limit|size|port|uptime|priority|id)(?:_new)?"
)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?")
_TIME_KEY = re.compile(r"(?:[a-z]+_)*(?:date|time|at|created|updated|started|finished)(?:_[a-z]+)*")
_SMALL = 1_000_000
"""A smaller number cannot be a telephone number, an address or an account."""


def is_vocabulary(text: str) -> bool:
    """Whether each part of the text is a word that panels use."""
    pieces = [piece for piece in _SEPARATORS.split(text.casefold()) if piece]
    return len(text) <= _LONGEST and text.isascii() and all(piece in _PIECES for piece in pieces)


def is_version(text: str) -> bool:
    """Whether the text is a version such as ``5.10.0-28-amd64``, and no address or telephone number."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return False
    system, number, rest = match[1] or "", match[2], match[3] or ""
    pieces = re.split(r"[-+~._]", rest)[1:]
    plain = [piece for piece in pieces if piece.isdecimal()]
    if not is_vocabulary(system) or not all(_VERSION_PIECE.fullmatch(piece) for piece in pieces):
        return False
    if len(plain) == len(pieces):  # digits only: at most one more part than the number, and never four with dots
        return len(plain) <= 1 and (not plain or "." in number) and f"{number}{rest}".count(".") < 3
    return len(plain) <= 6


def is_numeric_text(key: str, text: str) -> bool:
    """Whether the text is a figure, by the name of its field and its digits."""
    return _NUMERIC_KEY.fullmatch(key) is not None and _NUMBER.fullmatch(text) is not None


def is_figure(key: str, value: float) -> bool:
    """Whether a number may stay: a small one, or one in a field for sizes, counts or times."""
    return abs(value) < _SMALL or _NUMERIC_KEY.fullmatch(key) is not None or _TIME_KEY.fullmatch(key) is not None
