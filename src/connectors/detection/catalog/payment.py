"""Payment providers."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import token

DETECTORS = (
    token(
        "stripe_secret_key",
        "Stripe secret key",
        vendor="Stripe",
        body=r"sk_(?:live|test)_[A-Za-z0-9]{14,247}",
        factors=("sk_(?:live|test)_[A-Za-z0-9]{8}",),
        example="sk" + "_live_" + s.mixed(24),
        source="https://docs.stripe.com/keys",
    ),
    token(
        "stripe_restricted_key",
        "Stripe restricted key",
        vendor="Stripe",
        body=r"rk_(?:live|test)_[A-Za-z0-9]{14,247}",
        factors=("rk_(?:live|test)_[A-Za-z0-9]{8}",),
        example="rk" + "_live_" + s.mixed(24),
        source="https://docs.stripe.com/keys",
    ),
    token(
        "stripe_webhook_secret",
        "Stripe webhook signing secret",
        vendor="Stripe",
        body=r"whsec_[A-Za-z0-9]{32,64}",
        factors=("whsec_[A-Za-z0-9]{8}",),
        example="whsec" + "_" + s.mixed(32),
        source="https://docs.stripe.com/webhooks/signature",
    ),
)
