"""Keys of the run file come from the registries of the model: an entry there is enough."""

import subprocess
import sys

CODE = """
from dataclasses import replace
from tissue.model import drugs, mechanisms, species

species.SOLUTES["il17"] = replace(
    species.SOLUTES["tnf"], name="il17", long_name="IL-17", molar_mass=21e3, excess_key="il17"
)
drugs.DRUGS["golimumab"] = drugs.DRUGS["adalimumab"]
mechanisms.MECHANISMS["il17_induction"] = mechanisms.Mechanism("IL-17 does something", ("a_R",))

from tissue.scenario.config import read_run_file
from tissue.scenario.resolved import resolved_keys

config = read_run_file({
    "run": {"duration": "28 day"},
    "geometry": {"synthetic": {}},
    "disease": {"il17": [{"from": "0 day", "to": "2 day", "value": "21 pg/mL"}]},
    "boundary": {"il17": {"z_low": {"value": "3 pM"}}},
    "knockout": {"il17": True},
    "mechanisms": {"il17_induction": False},
    "therapy": [{"drug": "golimumab", "dose": "1 mg/kg"}],
    "output": {"fields": ["il17"]},
})
assert config.disease.excess["il17"].at(1) == 1
assert config.boundary.walls["il17"]["z_low"].concentration == 3
assert config.knockout.genes == {"il17"}
assert config.acting.a_R == 0
assert config.output.fields == ("il17",)
assert {"disease.il17[1].to", "boundary.il17.z_low.value"} <= resolved_keys(config).keys()
"""


def test_entries_are_keys_with_no_other_edit() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
