"""Scenarios: each module here is one, named by its file (`bad_deploy.py` is `bad-deploy`).

A scenario has a docstring whose first line says what it is, and `play(stage)`, which tells what happened up to now. It may
have `IMAGES`, a list of image behaviours. Modules whose names start with an underscore are not scenarios.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
    """All scenarios."""
    return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of a scenario; ValueError when there is none of that name."""
    if name not in names():
        raise ValueError(f"no scenario {name}; there are {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
