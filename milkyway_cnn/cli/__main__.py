"""``python -m milkyway_cnn.cli``: the command of this very Python, whatever stands in the path."""

import sys

from . import main

sys.exit(main())
