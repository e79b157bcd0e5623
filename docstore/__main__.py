"""`python -m docstore` is the command `docstore`."""

import sys

from docstore.cli import main

sys.exit(main())
