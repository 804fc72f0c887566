"""Text and scripts of the page on clusters."""

import re

from docs_script import DOCS

TEXT = (DOCS / "cluster.md").read_text(encoding="utf-8")
JOB, DOSE, FILES, LARGE = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
INSTALL, COLLECT, OFFLINE, ONE_CORE, AS_JSON = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
PLAIN = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
