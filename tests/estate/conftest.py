"""Makes the fixture `estate` known to this suite; other suites take it from `estate.harness` in the same way."""

from .harness import estate  # noqa: F401  (a fixture is used by its name)
