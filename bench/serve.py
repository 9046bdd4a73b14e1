"""branchgraph exactly as `python -m api serve` runs it; with --normal, without its compiled engine."""

from __future__ import annotations

import sys
from functools import partial

from api import serving
from api.__main__ import main
from api.app import create_app

if __name__ == "__main__":
    if sys.argv[1:] == ["--normal"]:
        vars(serving)["create_app"] = partial(create_app, compiled=False)
    sys.argv[1:] = ["serve"]
    main()
