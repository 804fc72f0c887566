"""`python -m tissue`."""

import sys

from tissue.cli import main

sys.exit(main())
