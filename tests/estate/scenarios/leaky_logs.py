"""As bad-deploy, but the crashing pods write credentials into their log: what reads them must not pass them on."""

from ..kubernetes.images import CRASH, Image
from . import bad_deploy

# Put together here, so that no scanner of sources takes them for real ones.
SECRETS = ("gh" + "p_CanaryInALogLine0123456789abcdefghij", "Canary-Pa55-in-a-url", "AKIA" + "CANARYINALOG0123")
IMAGES = [
    Image("shop/checkout:v1.4.2", CRASH, starts=("checkout v1.4.2 starting", f"using GITHUB_TOKEN={SECRETS[0]}"),
          last_lines=(f"connecting to postgres://checkout:{SECRETS[1]}@postgres:5432/shop", f"aws_access_key_id={SECRETS[2]}",
                      "panic: missing environment variable PAYMENT_URL"),
          works=("level=info GET /healthz 200",), unless_env="PAYMENT_URL"),
]


def play(stage):
    """The same deploy."""
    bad_deploy.play(stage)
