"""Nothing has changed for twenty hours, and nothing is wrong."""


def play(stage):
    """Only the ordinary days."""
    stage.ordinary_days()
