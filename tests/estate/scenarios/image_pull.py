"""A deploy by hand named a tag that does not exist: the new web pods wait for their image."""


def play(stage):
    """Somebody set the image with kubectl, eight minutes ago; GitHub knows nothing of it."""
    stage.ordinary_days()
    stage.at(480)
    stage.world.roll("shop", "web", "shop/web:typo-2.12.1", {}, "kubectl set image deployment/web web=shop/web:typo-2.12.1", "typo-2.12.1")
