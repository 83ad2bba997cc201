"""Who acts in the fixtures, and how a case is registered. Knows no rule."""

import sys
from functools import wraps
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compose"))

from records import *  # noqa: E402, F403
from records import ACCOUNT, Secret, assumed_role, iam_user, role_arn, sso_user  # noqa: E402

HOME = f"{ACCOUNT}|us-west-2"
TASK_ARN = role_arn("Blizzard-Checkout-TaskRole")
BATCH_ARN = role_arn("Winterday-Batch-Role")
ROTATOR_ARN = role_arn("Snowy-Rotation-Role")
ONCALL_ARN = role_arn("Snowy-OnCall")

# The moment, the secret and the stranger of most cases; a second account of the organization, and one outside.
NOON = "2026-11-03T12:00:00Z"
NAME = "prod/blizzard-checkout/db"
STRANGER = iam_user("svc-legacy-deploy")
SECOND, OUTSIDE = "222233334444", "999900001111"

CASES = []


def case(make):
    """Registers a fixture: `rule__fires_name` becomes `<rule>/fires-name`."""
    rule, name = make.__name__.split("__")
    CASES.append((rule.replace("_", "-"), name.replace("_", "-"), make))
    return make


def also(*findings):
    """A case of which other rules rightly tell something too."""
    def adding(make):
        @wraps(make)
        def told(trail):
            said = make(trail)
            return {**said, "findings": [*said.get("findings", ()), *findings]}
        return told
    return adding


def task(session="3f9c1d20"):
    """The checkout service, one task."""
    return assumed_role("Blizzard-Checkout-TaskRole", session, vpc_endpoint="vpce-0a1b2c3d4e5f60718")


def batch_job(session="nightly"):
    """A role of another team."""
    return assumed_role("Winterday-Batch-Role", session, ip="10.20.3.77")


def anna():
    """A person, through IAM Identity Center."""
    return sso_user("Developers", "anna@example.com", agent=AGENT_CLI, from_console=False)  # noqa: F405


def on_call():
    """A person, in the role for emergencies."""
    return assumed_role("Snowy-OnCall", "anna@example.com", ip="198.51.100.24")


def admin():
    """The admin that the contract names."""
    return assumed_role("Winterday-Secrets-Admin", "nils.rime", ip="198.51.100.30")


def secrets(count, prefix="prod/blizzard"):
    """Different secrets of one family of names."""
    return [Secret(f"{prefix}-{i:02}/db") for i in range(1, count + 1)]


def db():
    """The checkout database's secret, fresh: rotations change its versions."""
    return Secret("prod/blizzard-checkout/db")


def read_every(trail, start, seconds, count, caller, secret, **how):
    """`count` reads, `seconds` apart, without their Decrypts: these cases are about numbers."""
    for i in range(count):
        trail.get_secret_value(after(start, seconds * i), caller, secret, decrypt=False, **how)


# What policies say.

CONTRACT = f"""[[secrets]]
match = "prod/blizzard-checkout/*"
owner = "blizzard-checkout"
sensitivity = "critical"
readers = ["{TASK_ARN}"]
break_glass = ["arn:aws:iam::*:role/Snowy-OnCall"]
rotators = ["{ROTATOR_ARN}"]
admins = ["arn:aws:iam::{ACCOUNT}:role/Winterday-Secrets-Admin"]
"""

NO_ROTATORS = f"""[[secrets]]
match = "prod/blizzard-checkout/*"
readers = ["{TASK_ARN}"]
"""

DECOY = """[[secrets]]
match = "prod/legacy-payroll/*"
decoy = true
"""

HOURS = """[organization]
timezone = "America/Los_Angeles"
business_hours = { days = "mon-fri", from = "08:00", to = "18:00" }
holidays = ["2026-11-26"]

"""

SENSITIVE = HOURS + '[[secrets]]\nmatch = "prod/*"\nsensitivity = "high"\n'

ONCALL = HOURS + """[[humans]]
principals = ["arn:aws:iam::*:role/Snowy-OnCall"]

[[secrets]]
match = "prod/*"
break_glass = ["arn:aws:iam::*:role/Snowy-OnCall"]
"""

SENSITIVE_DB = '[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nsensitivity = "high"\n'
INSENSITIVE_DB = '[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nsensitivity = "low"\n'
ORGANIZATION = f'[organization]\naccounts = ["{ACCOUNT}", "{SECOND}"]\n\n'
