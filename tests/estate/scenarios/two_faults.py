"""Two bad deploys at once: payments is killed for memory since forty minutes, checkout crash loops since ten."""

from ..kubernetes.images import CRASH, Image
from . import bad_deploy

IMAGES = [*bad_deploy.IMAGES,
          Image("shop/payments:v0.9.4", CRASH, starts=("payments starting", "listening on :8080"), last_lines=("level=info cache grows",),
                runs_for=45.0, exit_code=137, reason="OOMKilled")]


def play(stage):
    """payments v0.9.4 went live forty minutes ago, checkout v1.4.2 ten minutes ago."""
    stage.ordinary_days()
    stage.deploy("payments", "v0.9.4", message="payments: keep exchange rates in memory", author="ilse", pull=56, before=2400)
    stage.at(2000)
    stage.deploy("checkout", "v1.4.2", message="checkout: read payment endpoint from PAYMENT_URL", author="dana", pull=57,
                 branch="payment-url", before=600)
