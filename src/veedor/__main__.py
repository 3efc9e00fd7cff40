"""`python -m veedor` is `veedor`."""

import sys

from veedor.cli import main

sys.exit(main())
