"""`python -m lightune`."""

import sys

from lightune.cli.main import main

sys.exit(main())
