"""Entry point, so that both `python3 tests/estate` and `python3 -m estate` start the estate."""

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from estate.program import main  # noqa: E402  (the path above has to be right first)

if __name__ == "__main__":
    sys.exit(main())
