"""Chat and messaging apps."""

from connectors.detection.catalog import samples as s
from connectors.detection.catalog.forms import token

_SLACK = "https://docs.slack.dev/authentication/tokens"

DETECTORS = (
    token(
        "slack_bot_token",
        "Slack bot token",
        vendor="Slack",
        body=r"xoxb-\d{9,14}-(?:\d{9,14}-)?[A-Za-z0-9]{22,40}",
        factors=(r"xoxb-\d{6}",),
        example="xoxb" + "-" + s.digits(12) + "-" + s.digits(13) + "-" + s.mixed(24),
        source=_SLACK,
    ),
    token(
        "slack_user_token",
        "Slack user token",
        vendor="Slack",
        body=r"xox[pars]-(?:\d{8,14}-){1,3}[A-Za-z0-9]{16,64}",
        factors=(r"xox[pars]-\d{6}",),
        example="xoxp" + "-" + "-".join(s.digits(12, seed) for seed in (1, 2, 3)) + "-" + s.hexa(32),
        source=_SLACK,
    ),
    token(
        "slack_rotating_token",
        "Slack rotating or refresh token",
        vendor="Slack",
        body=r"xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{60,200}",
        factors=(r"xoxe(?:\.xox[bp])?-\d-",),
        example="xoxe" + ".xoxp-1-" + s.mixed(166),
        source="https://docs.slack.dev/authentication/using-token-rotation",
    ),
    token(
        "slack_app_token",
        "Slack app-level token",
        vendor="Slack",
        body=r"xapp-(?:\d-[A-Z0-9]{8,14}-\d{9,14}-[a-f0-9]{32,80}|\d{12}-[A-Za-z0-9/]{24})",
        factors=(r"xapp-\d",),
        example="xapp" + "-1-A" + s.upper(10) + "-" + s.digits(13) + "-" + s.hexa(64),
        source=_SLACK,
    ),
    token(
        "slack_session_token",
        "Slack client session token or cookie",
        vendor="Slack",
        body=r"xox[cd]-[A-Za-z0-9%+/=_\-]{30,400}",
        right="",
        factors=(r"xox[cd]-[A-Za-z0-9%]",),
        example="xoxc" + "-" + s.digits(12) + "-" + s.digits(12, 2) + "-" + s.hexa(64),
        source=_SLACK,
    ),
    token(
        "slack_webhook",
        "Slack incoming webhook or workflow URL",
        vendor="Slack",
        body=r"https://hooks\.slack(?:-gov)?\.com/(?:services/T[A-Z0-9]{6,14}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{20,28}"
        r"|(?:workflows|triggers)/[A-Z0-9]{6,14}/[A-Za-z0-9]{6,24}/[A-Za-z0-9/]{16,64})",
        factors=(r"hooks\.slack(?:-gov)?\.com/",),
        example=f"https://hooks.{'slack'}.com/services/T{s.upper(9)}/B{s.upper(9)}/{s.mixed(24)}",
        near_misses=("https://hooks.slack.com" + "/services/T00000000/B00000000/" + "X" * 24,),
        source="https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
)
