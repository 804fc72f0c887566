"""Slices that were cut or changed are refused, or read as another program reads them."""

from pathlib import Path

import numpy as np
import pytest
from geometry.formats.test_slices import opened, pictures, tiffs
from geometry.formats.tiff_made import damaged, structure, volume
from PIL import Image as Picture

from tissue.errors import InputError


def check_damaged(place: Path, seeds: range, ending: str) -> None:
    """A damaged slice is refused in a sentence, or gives what another program reads in it."""
    maker = tiffs if ending == "tif" else pictures
    options = {} if ending == "tif" else {"ending": ending}
    maker(place, volume("u1"), **options)
    file = place / f"rec0002.{ending}"
    data = file.read_bytes()
    places = structure(file) if ending == "tif" else np.arange(min(len(data), 1100))
    whole = opened(place).values
    for seed in seeds:
        file.write_bytes(damaged(data, places, f"{ending}{seed}"))
        try:
            values = opened(place).values
        except InputError as error:
            sentence = str(error)
        else:
            with Picture.open(file) as picture:
                other = np.array(picture.convert("L") if ending == "bmp" else picture)
            np.testing.assert_array_equal(values[2], other, err_msg=f"seed {seed}")
            np.testing.assert_array_equal(values[3:], whole[3:])
            continue
        assert "\n" not in sentence


@pytest.mark.parametrize("ending", ["tif", "bmp", "png"])
def test_damaged_slices(tmp_path: Path, ending: str) -> None:
    check_damaged(tmp_path / "scan", range(12), ending)
