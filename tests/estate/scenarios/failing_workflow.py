"""CI is red on main, the cluster is well: a test fails, and it fails again unless somebody repairs it (or it was flaky)."""

from ..github.model import job, step

FAILURE = ["=== RUN   TestBasketTotal", "    basket_test.go:58: total = 1999, want 2000", "--- FAIL: TestBasketTotal (0.02s)", "FAIL",
           "FAIL\tacme/shop/checkout\t1.377s"]


def play(stage):
    """A commit that breaks a test, and no deploy."""
    stage.ordinary_days()
    stage.check("web: clearer button labels", before=5400)
    stage.check("checkout: round totals to the cent", before=1500, author="ilse", flaky=True, jobs=[
        job("test", step("Check out", 2), step("Run tests", 31, FAILURE, "failure", log_again=["ok  \tacme/shop/checkout\t1.201s"])),
        job("lint", step("Check out", 2), step("Lint", 12, ["0 issues."]))])
