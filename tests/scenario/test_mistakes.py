"""Mistakes in run files are reported in one sentence that names key, value and remedy."""

from typing import Any

import pytest
from scenario.minimal_run import parsed

from tissue.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run__durtion": 1}, "run.durtion is not a known key, did you mean run.duration"),
        ({"il1_excess": 1}, "did you mean disease.il1_excess"),
        ({"diseases": {}}, "diseases is not a known key, did you mean disease"),
        ({"disease__qqq": 1}, r"known in \[disease\] are tnf, il1_excess"),
        ({"geometry__synthetic__shap": 1}, "did you mean geometry.synthetic.shape"),
        ({"run__[image]": 1}, "is not a known key"),
        ({"[image]": 1}, r"\[image\] is not a known key"),
        ({"run": {}}, "run.duration is missing: it must be a time"),
        ({"run": 3}, "run = 3 must be a table"),
        ({"run__duration": 28}, "run.duration: '28' has no unit: a time is needed"),
        ({"run__duration": "28 pM"}, "run.duration: '28 pM' is a concentration"),
        ({"run__duration": "-3 day"}, "duration = '-3 day' must be a time between 0.001 and"),
        ({"run__duration": True}, "run.duration: True is not a quantity"),
        ({"run__duration": None}, "run.duration: None is not a quantity"),
        ({"run__step": "15 day"}, "run.step = '15 day' must be a time between 0.001 and 14 day"),
        ({"run__step": "1 s"}, "run.step = '1 s' must be .* 0.001 and 14 day, .* or 'adaptive'"),
        ({"run__step": "adaptiv"}, "run.step: 'adaptiv' .* or 'adaptive'"),
        ({"run__step": "3 pM"}, "run.step: '3 pM' is a concentration.* or 'adaptive'"),
        ({"run__accuracy": "20 %"}, "run.accuracy = '20 %' must be .* between 0.001 and 5 %"),
        ({"run__accuracy": 0.2}, "run.accuracy = 0.2 must be a percentage between 0.001 and 5 %"),
        ({"run__accuracy": "0 %"}, "run.accuracy = '0 %' must be a percentage"),
        ({"run__accuracy": "1 day"}, "run.accuracy: '1 day' is a time"),
        (
            {"run__accuracy": "1 %", "run__step": "1 day"},
            "run.accuracy is for run.step = 'adaptive' and does not go with a time",
        ),
        ({"run__step": "2 day", "run__duration": "1 day"}, "run.step = 2 day must be at most"),
        ({"run__preset": "rat"}, "run.preset = 'rat' must be 'mouse' or 'human'"),
        ({"run__precision": 64}, "run.precision = 64 must be 'float32' or 'float64'"),
        ({"run__seed": -1}, "run.seed = -1 must be a whole number"),
        ({"run__seed": 1.5}, "run.seed = 1.5 must be a whole number"),
        ({"run__seed": True}, "run.seed = True must be a whole number"),
        ({"geometry": {}}, r"geometry.file is missing: .* unless \[geometry.synthetic\] is given"),
        (
            {"geometry__synthetic": {}},
            r"geometry.file is for an image .* give one of the two",
        ),
        ({"geometry": {"synthetic": {}, "crop": None}}, "geometry.crop is for an image file"),
        ({"geometry__file": ""}, "geometry.file = '' must be the path"),
        ({"geometry__voxel_size": "0 um"}, "geometry.voxel_size = '0 um' must be a length > 0"),
        ({"geometry__voxel_size": ["1 um", "2 pM", "1 um"]}, "voxel_size: '2 pM' is a conc"),
        ({"geometry__voxel_size": ["1 um", "2 um"]}, "voxel_size = .* list of three"),
        ({"geometry__crop": [[0, 3], [4, 2], [0, 3]]}, "geometry.crop: .4, 2. is not a range"),
        ({"geometry__crop": [[0, 3], [0, 2]]}, "geometry.crop = .* three ranges"),
        ({"geometry__crop": [[0, 3], [0, 2], [0, 2.5]]}, "geometry.crop = .* three ranges"),
        ({"geometry__threshold": float("inf")}, "geometry.threshold = inf must be a finite"),
        ({"geometry__threshold": 10**400}, "geometry.threshold = .* must be a finite"),
        ({"geometry__threshold": "oto"}, "geometry.threshold = 'oto' must be .* 'otsu'"),
        ({"geometry__smooth": "-1 um"}, "geometry.smooth = '-1 um' must be a length >= 0"),
        ({"geometry__resample": "0 um"}, "geometry.resample = '0 um' must be a length > 0"),
        ({"geometry__keep_largest": 1}, "geometry.keep_largest = 1 must be true or false"),
        ({"geometry": {"synthetic": {"bv_tv": 1}}}, "bv_tv = 1 must be a number between 0 and 1"),
        ({"geometry": {"synthetic": {"shape": [3, 3]}}}, "shape = .3, 3. must be three whole"),
        ({"geometry": {"synthetic": 4}}, "geometry.synthetic = 4 must be a table"),
        ({"disease__il1_excess": "-1 pM"}, "il1_excess = '-1 pM' must be a concentration >= 0"),
        ({"parameters__a_r": 1}, "parameters.a_r is not a known parameter, did you mean a_R"),
        ({"parameters__D_M": 1}, "parameters.D_M: '1' has no unit"),
        ({"output__snapshots": "0 day"}, "output.snapshots = '0 day' must be a time between"),
        ({"output__snapshots": "1e-9 day"}, "output.snapshots = '1e-9 day' must be a time between"),
        ({"output__snapshots": "5e-324 day"}, "= '5e-324 day' must be .* 0.001 and 73050 day"),
        ({"output__snapshots": "1 s"}, "output.snapshots = '1 s' must be a time between 0.001 and"),
        ({"output__snapshots": "201 year"}, "output.snapshots = '201 year' must be a time between"),
        ({"output__checkpoints": "1 s"}, "output.checkpoints = '1 s' must be a time between 0.001"),
        ({"output__checkpoints": "1e300 day"}, "checkpoints = '1e300 day' must be a time between"),
        ({"output__checkpoint_every_wall": "0 s"}, "wall = '0 s' must be a wall-clock time > 0"),
        (
            {"output__checkpoint_every_wall": "1e300 day"},
            "= '1e300 day' must be a wall-clock time > 0",
        ),
        (
            {"output__keep_every": 10**12},
            "keep_every = 1000000000000 must be .* at most 1000000000",
        ),
        ({"run__duration": "1e300 day"}, "duration = '1e300 day' must be a time between 0.001 and"),
        ({"run__duration": "201 year"}, "run.duration = '201 year' must be a time between"),
        ({"disease__estrogen": {"onset": "1e300 day"}}, "= '1e300 day' must be a time >= 0 and at"),
        ({"disease__estrogen": {"ramp": "1e-9 day"}}, "ramp: 1e-09 day is shorter than any step"),
        (
            {"disease__estrogen": {"ramp": "201 year"}},
            "ramp = '201 year' must be a time from 0.001",
        ),
        ({"geometry__crop": [[0, 3], [0, 2], [0, 10**12]]}, "geometry.crop = .* three ranges"),
        ({"geometry__voxel_size": "1e300 um"}, "= '1e300 um' must be a length > 0, from 0.001 to"),
        ({"geometry__voxel_size": "1e-300 um"}, "= '1e-300 um' must be .* 0.001 to 100000 um"),
        ({"geometry__voxel_size": ["1 um", "1 um", "1e9 um"]}, "voxel_size = .*'1e9 um'.* must be"),
        ({"geometry__smooth": "1e9 um"}, "smooth = '1e9 um' must be .* at most 1000 um"),
        ({"geometry__resample": "1 m"}, "geometry.resample = '1 m' must be a length > 0, from"),
        (
            {"geometry": {"synthetic": {"spacing": "1e300 um"}}},
            "spacing = '1e300 um' must be a len",
        ),
        ({"geometry": {"synthetic": {"thickness": "1 m"}}}, "thickness = '1 m' must be a length"),
        ({"disease__pannus": {"depth": "1 km"}}, "'km' is not a known unit; a length is needed"),
        ({"disease__pannus": {"depth": "1 m"}}, "depth = '1 m' must be .* 100000 um"),
        (
            {"disease__tnf": "3 M"},
            r"tnf = '3 M' must be a concentration >= 0 and at most 1e\+09 pM",
        ),
        ({"disease__tnf": "9 g/mL"}, "disease.tnf = '9 g/mL' must be a concentration >= 0 and at"),
        ({"disease__inflammatory_cells": "1e9 cells/mm^3"}, "must be .* at most 1e.07 cells/mm.3"),
        (
            {"boundary": {"il1": {"z_low": {"permeability": "1 m/s", "blood": "1 pM"}}}},
            "permeability = '1 m/s' must be a velocity > 0 and at most 1e.09 um/day",
        ),
        ({"output__fields": []}, "output.fields = .* must be a list of different names"),
        (
            {"output__fields": ["rank"]},
            "fields: 'rank' is not a known field, did you mean rankl.* among .*il1",
        ),
        ({"output__fields": ["il1", "il1"]}, "output.fields: .* twice"),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parsed(**changes)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is None
