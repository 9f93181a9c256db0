"""Versions: what servers report, and that any text can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.versions import compare, parse_kernel, parse_qemu

versions = st.lists(st.tuples(st.just(1), st.integers(0, 20)) | st.just((0, 0)), max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("7.2.0-1+deb", "7.2.0"),
        ("7.2", "7.2.0"),
        ("7", "7.0.0"),
        ("v8.0", "8.0.0"),
        ("QEMU emulator version 8.2", "8.2.0"),
        ("QEMU emulator version 7.2.9 (Debian 1:7.2+dfsg-7+deb12u5)", "7.2.9"),
        ("qemu-kvm-6.2.0-28.el9", "6.2.0"),
        ("1:7.2+dfsg-7", "7.2.0"),
        ("  6.2.0 ", "6.2"),
        ("8.2.0_rc1", "8.2.0"),
    ],
)
def test_qemu_is_its_leading_release(text: str, same_as: str) -> None:
    parsed, other = parse_qemu(text), parse_qemu(same_as)
    assert parsed is not None and other is not None
    assert compare(parsed, other) == 0


@pytest.mark.parametrize(
    "text", [None, "", "unknown", "-", "pc-i440fx", "20240101", "8.x", "10.x", "host 7.2", "7.2.", "７.2"]
)
def test_qemu_that_cannot_be_read_is_none(text: str | None) -> None:
    assert parse_qemu(text) is None


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("7.2.0", "7.2.1"),
        ("7.2.9", "7.2.10"),
        ("6.2.0", "10.0.0"),
        ("7.2", "7.2.0.1"),
        ("v7.2", "QEMU emulator version 8.0"),
    ],
)
def test_qemu_versions_are_ordered(older: str, newer: str) -> None:
    a, b = parse_qemu(older), parse_qemu(newer)
    assert a is not None and b is not None
    assert (compare(a, b), compare(b, a)) == (-1, 1)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("5.15.0-88-generic", "5.15.0-91-generic"),
        ("5.15.0-9-generic", "5.15.0-88-generic"),
        ("6.1.0-18-amd64", "6.1.0-21-amd64"),
        ("6.1.0-0.deb11.13-amd64", "6.1.0-0.deb11.17-amd64"),
        ("4.18.0-477.10.1.el8_8.x86_64", "4.18.0-513.5.1.el8_9.x86_64"),
        ("4.18.0-513.el8.x86_64", "4.18.0-513.5.1.el8_9.x86_64"),
        ("5.14.0-362.24.1.el9_3.x86_64", "5.14.0-362.24.1.el9_3.0.1.x86_64"),
        ("3.10.0-1160.el7.x86_64", "4.18.0-80.el8.x86_64"),
        ("6.8.12-4-pve", "6.8.12-10-pve"),
        ("6.6.0-rc3", "6.6.0"),
        ("Linux version 5.15.0-88-generic (build@host)", "5.15.0-91-generic"),
    ],
)
def test_kernel_versions_are_ordered(older: str, newer: str) -> None:
    a, b = parse_kernel(older), parse_kernel(newer)
    assert a is not None and b is not None
    assert (compare(a, b), compare(b, a)) == (-1, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.15.0-91-generic", "5.15.0-91-lowlatency"),
        ("6.1.0-18-amd64", "6.1.0-18-cloud-amd64"),
        ("5.14.0-427.el9.x86_64", "5.14.0-427.el9.aarch64"),
        ("5.15", "5.15.0"),
    ],
)
def test_flavour_and_architecture_make_no_kernel_newer(one: str, other: str) -> None:
    a, b = parse_kernel(one), parse_kernel(other)
    assert a is not None and b is not None
    assert compare(a, b) == 0


@pytest.mark.parametrize("text", [None, "", "unknown", "generic", "5", "#1 SMP Debian 6.1.76-1"])
def test_kernel_that_cannot_be_read_is_none(text: str | None) -> None:
    assert parse_kernel(text) is None


@given(st.text() | st.text(alphabet="0123456789.-_:elxv ", max_size=5000))
def test_any_text_is_a_version_or_none(text: str) -> None:
    for parsed in (parse_qemu(text), parse_kernel(text)):
        assert parsed is None or all(len(segment) == 2 for segment in parsed)


@given(versions, versions, versions)
def test_compare_is_an_order(a: tuple, b: tuple, c: tuple) -> None:
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0
