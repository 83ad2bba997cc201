"""What goes wrong, one thing a day from 4 to 10 November, each for exactly one rule. README.md tells it in order."""

from datetime import timedelta

from cast import (CART, CHECKOUT, DB, UNDECLARED, WINTERDAY, checkout_task, dice, engineer, inventory, local, on_call,
                  rotation_worker, task)
from records import AGENT_CLI, Trail, after, basic_selector, iam_user

# Between these two moments the trail recorded no KMS call: the seventh incident, and its repair.
BLIND_FROM, BLIND_TO = local("2026-11-10", 19, 22, 31), local("2026-11-10", 20, 14, 6)
# STS refuses such a session name; whoever can write to the trail's bucket need not ask STS.
HOSTILE_SESSION = "<img src=x onerror=alert(1)>\x1b[2J\x1b[31mroot"
HOSTILE_AGENT = "Boto3/1.40.4 \x1b]0;all quiet\x07<script>alert('snow')</script> '; DROP TABLE events; --"


def spike() -> list:
    """1. secret-read-spike: a compromised task asks for the database password 420 times in 48 minutes."""
    trail = Trail("story/1-spike")
    start, roll = local("2026-11-04", 13, 4), dice("spike")
    for n in range(420):
        when = after(start, int(n * 6.8 + roll.random() * 5))
        trail.get_secret_value(when, checkout_task(2, when), DB, ask="name")
    return trail.records


def break_glass() -> list:
    """The person on call looks at the password herself: allowed, and reported at low severity."""
    trail = Trail("story/1-break-glass")
    when = local("2026-11-04", 14, 31, 8)
    person = on_call("maria.frost", when)
    trail.describe_secret(when, person, DB)
    trail.get_secret_value(after(when, 14), person, DB)
    return trail.records


def unexpected_reader() -> list:
    """2. unexpected-reader: the cart's role reads the checkout's payment key."""
    trail = Trail("story/2-unexpected-reader")
    when = local("2026-11-05", 11, 20, 44)
    key = CHECKOUT["prod/blizzard-checkout/stripe-api-key"]
    trail.get_secret_value(when, task("Snowy-Cart-TaskRole", 1, when), key, ask="name")
    trail.get_secret_value(after(when, 71), task("Snowy-Cart-TaskRole", 1, when), key, ask="arn")
    return trail.records


def failed_rotation() -> list:
    """3. rotation-failed: the cart's database refuses the new password."""
    trail = Trail("story/3-rotation-failed")
    start = local("2026-11-06", 3, 0)
    trail.rotation(start, CART["prod/snowy-cart/db"], rotation_worker(start), fail_at="setSecret")
    return trail.records


def breadth() -> list:
    """4. secret-read-breadth: stolen credentials of the inventory job open all 22 undeclared secrets in four minutes."""
    trail = Trail("story/4-breadth")
    start = local("2026-11-07", 13, 30, 12)
    agent = AGENT_CLI.replace("get-secret-value", "batch-get-secret-value")
    thief = inventory(start, ip="203.0.113.66", agent=agent, vpc_endpoint=None)
    thief.identity.pop("inScopeOf")
    others = [s for s in UNDECLARED.values() if s.name not in WINTERDAY]
    trail.caller_identity(start, thief)
    trail.list_secrets(after(start, 11), thief)
    filters = [{"key": "name", "values": ["prod/winterday-db/"]}]
    trail.batch_get_secret_value(after(start, 40), thief, list(WINTERDAY.values()), filters=filters, derived="service")
    trail.batch_get_secret_value(after(start, 95), thief, others[:9], derived=None)
    for n, secret in enumerate(others[9:]):
        trail.get_secret_value(after(start, 160 + 24 * n), thief, secret, ask="arn")
    return trail.records


def off_hours() -> list:
    """5. off-hours-read: a person reads a customer database's password on Sunday at 02:40."""
    trail = Trail("story/5-off-hours")
    when = local("2026-11-08", 2, 40, 17)
    person = engineer("lena.hoar@snowy.example", when, ip="203.0.113.199")
    trail.list_secrets(after(when, -50), person)
    trail.get_secret_value(when, person, WINTERDAY["prod/winterday-db/customers"], ask="arn")
    return trail.records


def denied_burst() -> list:
    """6. denied-read-burst: the search role tries every door. The session's name and the user agent are hostile."""
    trail = Trail("story/6-denied")
    start = local("2026-11-09", 15, 5, 2)
    prowler = task("Frost-Search-TaskRole", 1, start).but(agent=HOSTILE_AGENT)
    identity = prowler.identity
    role_id = identity["principalId"].split(":")[0]
    identity["principalId"] = f"{role_id}:{HOSTILE_SESSION}"
    identity["arn"] = f"{identity['arn'].rsplit('/', 1)[0]}/{HOSTILE_SESSION}"
    doors = [*CHECKOUT.values(), *CART.values(), *list(WINTERDAY.values())[:8]]
    trail.list_secrets(start, prowler)
    for n, secret in enumerate(doors):
        form = "name" if n % 3 == 0 else "arn"
        trail.get_secret_value(after(start, 6 + 9 * n), prowler, secret, outcome="denied", denied_names=form,
                               keep_parameters=n % 4 == 1)
    return trail.records


def blinded() -> list:
    """7. trail-blinded: an old access key takes KMS out of the trail; 52 minutes later it is put back."""
    trail = Trail("story/7-blinded")
    intruder = iam_user("terraform-legacy", ip="203.0.113.66")
    trail.caller_identity(BLIND_FROM - timedelta(minutes=3), intruder)
    trail.put_event_selectors(BLIND_FROM, intruder, basic=[basic_selector(exclude=["kms.amazonaws.com"])])
    fixer = on_call("jun.hale", BLIND_TO)
    trail.put_event_selectors(BLIND_TO, fixer, basic=[basic_selector()])
    return trail.records


STRANDS = [spike, break_glass, unexpected_reader, failed_rotation, breadth, off_hours, denied_burst, blinded]
