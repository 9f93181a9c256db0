"""How many messages make a sound: a small version of `make noise`."""

from __future__ import annotations

import pytest

from benchmarks.noise import Noise, simulate, table

HALF_A_DAY = 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "most"), [("approve", 4), ("auto", 0)])
async def test_half_a_day_makes_few_sounds_and_loses_nothing(mode: str, most: int) -> None:
    noise = await simulate("small", mode, HALF_A_DAY)
    assert noise.incidents >= 1 and noise.lost == 0
    assert noise.worst <= most, table([noise])
    assert (noise.migrations > 0) is (mode == "auto")


def test_table_shows_the_mean_and_the_loudest_day() -> None:
    noise = Noise("demo", "approve", 2.0, messages=9, incidents=3, migrations=1)
    noise.sounds.update({0: 4, 1: 1})
    assert table([noise])[-1] == "| demo | approve | 3 | 1 | 9 | 2.5 | 4 | 0 |"
