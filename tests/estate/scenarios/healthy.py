"""Nothing is wrong: a good deploy of checkout half an hour ago, and all pods ready. The control for the others."""


def play(stage):
    """A good deploy."""
    stage.ordinary_days()
    stage.deploy("checkout", "v1.4.2", message="checkout: log the order number", author="dana", pull=57, before=1800)
    stage.check("checkout: fewer allocations when pricing", before=1200)
