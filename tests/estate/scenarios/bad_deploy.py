"""The last deploy is bad: Deploy #128 rolled checkout to an image that crashes for want of PAYMENT_URL, ten minutes ago."""

from ..kubernetes.images import CRASH, Image

IMAGES = [
    Image("shop/checkout:v1.4.2", CRASH, starts=("checkout v1.4.2 starting", "reading configuration from the environment"),
          last_lines=("panic: missing environment variable PAYMENT_URL", "", "goroutine 1 [running]:",
                      "main.mustEnv({0x7b41c2, 0xb})", "\t/src/checkout/config.go:41 +0x9c", "main.main()",
                      "\t/src/checkout/main.go:23 +0x1d4", "exit status 2"),
          works=('level=info msg="order placed"', "level=info GET /healthz 200"), unless_env="PAYMENT_URL"),
]


def play(stage):
    """A merged pull request, a green pipeline, and a crash loop."""
    stage.ordinary_days()
    stage.deploy("checkout", "v1.4.2", message="checkout: read payment endpoint from PAYMENT_URL", author="dana", pull=57,
                 branch="payment-url", before=600, files=[
                     {"filename": "checkout/config.go", "additions": 6, "deletions": 1,
                      "patch": '@@ -36,3 +36,8 @@\n-\tPaymentURL: "http://payments.shop.svc",\n+\tPaymentURL: mustEnv("PAYMENT_URL"),'},
                     {"filename": "checkout/main.go", "additions": 2, "deletions": 2, "patch": "@@ -21,4 +21,4 @@"}])
