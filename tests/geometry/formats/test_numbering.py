"""Names of slices: which belong together, in which order, and what is missing."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from tissue.geometry.formats.numbering import COPY, base_of, is_minus_unclear, stacks_of


def made(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def numbered(form: str, numbers: Sequence[float]) -> list[Path]:
    return [Path(form.format(number)) for number in numbers]


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("rec{:04d}.tif", [*range(12)]),
        ("rec{}.tif", [*range(8, 14)]),  # 10 after 9
        ("{}.bmp", [*range(1, 12)]),
        ("rec{:04d}.tif", [*range(0, 60, 5)]),
        ("slice_{:.1f}mm.tif", [0.5 * step - 2 for step in range(9)]),
        ("slice_{:+.2f}.tif", [0.25 * step - 1 for step in range(9)]),
        ("slice_{}.tif", [0.5 * step for step in range(9)]),
        ("z{:03d}_of_120.ome.tif", [*range(4, 9)]),
        ("2024-01-05 femur-{:03d} (8 bit).png", [*range(4, 9)]),
        ("a.{}.tif", [*range(8, 14)]),  # no decimal number: 1.10 comes after 1.9
        ("scan1.{}.tif", [*range(8, 14)]),
        ("{:+d}.tif", [*range(-3, 4)]),
        ("IMG ({}).tif", [*range(1, 12)]),
    ],
)
def test_one_stack(form: str, numbers: list[float]) -> None:
    files = numbered(form, numbers)
    (stack,) = stacks_of(files[::-1])
    assert list(stack.files) == files
    assert stack.even
    assert stack.trouble() == ""
    assert stack.stem.count("*") == 1


def test_decimal_commas() -> None:
    (stack,) = stacks_of(made("a_0,5.tif", "a_1,0.tif", "a_1,5.tif", "a_-0,5.tif", "a_0,0.tif"))
    assert stack.numbers == tuple(Fraction(step, 2) for step in range(-1, 4))


def test_numbers_that_rise_together() -> None:
    files = [Path(f"rec{n:03d}_t{n * n + 40}.tif") for n in range(9)]
    (stack,) = stacks_of(files)
    assert list(stack.files) == files
    assert stack.even


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (("femur1_rec001", "femur1_rec002", "femur2_rec001"), {"femur1_rec*", "femur2_rec*"}),
        (("femur001", "femur002", "tibia001"), {"femur*", "tibia*"}),
        (("a", "b"), {"a", "b"}),
        (("rec1", "rec2", "rec2 (1)"), {"rec*", "rec2 (*)"}),
    ],
)
def test_several_stacks(names: tuple[str, ...], stems: set[str]) -> None:
    stacks = stacks_of([Path(f"{name}.tif") for name in names])
    assert {stack.stem for stack in stacks} == stems
    assert len(stacks[0].files) == max(len(stack.files) for stack in stacks)


def test_letters_of_either_size_and_endings() -> None:
    (stack,) = stacks_of(made("REC01.TIF", "rec02.tif", "Rec03.tiff", "rec04.ome.tif"))
    assert stack.even


def test_two_readings() -> None:
    """Two files that stand in another order as decimal numbers than as whole ones."""
    stacks = stacks_of(made("a1.9.tif", "a1.10.tif"))
    assert len(stacks) == 2
    assert stacks[0].files == stacks[1].files[::-1]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([0, 1, 2, 6, 7], "gap between r2.tif and r6.tif, where 3 slices are missing"),
        ([0, 1, 3], "gap between r1.tif and r3.tif, where a slice is missing"),
        ([0, 10, 20, 25], "gap between r0.tif and r10.tif, where a slice is missing"),
        ([0.5, 1.0, 2.0], "gap between r1.0.tif and r2.0.tif, where a slice is missing"),
    ],
)
def test_gaps(numbers: list[float], words: str) -> None:
    stack = stacks_of(numbered("r{}.tif", numbers))[0]
    assert words in stack.trouble()


def test_repeats() -> None:
    for names in (("r1.tif", "r01.tif", "r2.tif"), ("r1.tif", "r1.bmp", "r2.tif")):
        stack = stacks_of(made(*names))[0]
        assert "the same number" in stack.trouble()
        assert names[0] in stack.trouble()


@pytest.mark.parametrize(
    "name",
    [
        *("rec0001 (1)", "rec0001 - Copy", "rec0001 - Copy (2)", "rec0001_copy", "rec0001 copy 2"),
        *("rec0001 - Kopie", "rec0001~", "Copy of rec0001", "Kopie von rec0001", "rec0001 copie"),
    ],
)
def test_copies(name: str) -> None:
    names = made("rec0001.tif", f"{name}.tif", "copper_01.tif")
    assert [file.stem for file in names if COPY.search(base_of(file))] == [name]


def test_minus_that_parts_words() -> None:
    for start in (0, 1):
        numbers = [start, start + 1, start + 2]
        assert is_minus_unclear(stacks_of(numbered("rec_-{:03d}.tif", numbers))[0])
    assert not is_minus_unclear(stacks_of(numbered("rec_{:d}.tif", [-2, -1, 0]))[0])
    assert not is_minus_unclear(stacks_of(numbered("rec-{:03d}.tif", [1, 2, 3]))[0])
    assert not is_minus_unclear(stacks_of(numbered("rec_{:.1f}.tif", [-1.5, -1.0, -0.5]))[0])


def test_long_numbers_are_identifiers() -> None:
    names = [f"1{'2' * 60}_{n:03d}.tif" for n in range(4)]
    (stack,) = stacks_of(made(*names))
    assert stack.numbers == tuple(map(Fraction, range(4)))
