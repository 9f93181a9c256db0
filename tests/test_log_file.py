"""A log file that cannot be renamed, as on Windows while another program has it open. Here a folder blocks it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.observability.log_file import LogFile

LIMIT = 1000


class Lines:
    """Writes numbered lines and finds them again, over all files."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "vm_balancer.log"
        self.handler = LogFile(self.file, max_bytes=LIMIT, kept=3)
        self.written: list[str] = []

    def write(self, count: int) -> None:
        for _ in range(count):
            self.written.append(f"line {len(self.written):04d} " + "x" * 40)
            self.handler.emit(logging.LogRecord("bot", logging.INFO, "x.py", 1, self.written[-1], (), None))
        self.handler.flush()

    def older(self) -> list[Path]:
        return sorted((p for p in self.file.parent.glob("vm_balancer.log.*") if p.is_file()), reverse=True)

    def found(self) -> list[str]:
        return [line for file in [*self.older(), self.file] for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    return Lines(tmp_path)


def test_full_log_file_is_rotated(lines: Lines) -> None:
    lines.write(70)
    assert [p.name for p in lines.older()] == ["vm_balancer.log.3", "vm_balancer.log.2", "vm_balancer.log.1"]
    assert all(0 < p.stat().st_size <= LIMIT for p in [*lines.older(), lines.file])
    assert lines.found() == lines.written


def test_log_file_that_cannot_be_renamed_is_still_written(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    lines.write(25)  # one older file, which has to stay as it is
    (older,) = lines.older()
    kept = older.read_text("utf-8")
    in_the_way = lines.file.with_name("vm_balancer.log.full")
    in_the_way.mkdir()
    (in_the_way / "x").touch()

    lines.write(200)
    assert lines.older() == [older] and older.read_text("utf-8") == kept
    assert lines.file.stat().st_size > 5 * LIMIT
    assert lines.found() == lines.written
    assert capsys.readouterr().err == ""

    (in_the_way / "x").unlink()
    in_the_way.rmdir()
    lines.write(15)
    assert len(lines.older()) == 2, "it did not try again"
    assert lines.found() == lines.written
    assert lines.file.stat().st_size <= LIMIT
