"""Who and what the story is about: secrets, roles, people, and the calendar. Makes no records.

Blizzard-Checkout is the shop's payment service; the other services are its neighbours. README.md tells the plot.
"""

import random
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compose"))

from records import (ACCOUNT, AGENT_CLI, AGENT_JAVA, AGENT_LAMBDA, AGENT_RUST, Caller, Secret, assumed_role,  # noqa: E402
                     derive_hex, key_arn, rotator, sso_user)

WEST, EAST = "us-west-2", "us-east-1"
SECOND = "222233334444"
FIRST_DAY, LAST_DAY = date(2026, 10, 12), date(2026, 11, 10)
# America/Los_Angeles leaves daylight saving time here. Written out, because zoneinfo needs a database that a small
# machine may lack.
DST_END = datetime(2026, 11, 1, 9, tzinfo=timezone.utc)
ENDPOINT = {WEST: "vpce-0a1b2c3d4e5f60718", EAST: "vpce-0b2c3d4e5f6071829"}


def days():
    """Every local day of the story."""
    return [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]


def local(day, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A wall-clock time in Los Angeles as UTC; `day` is a date or `2026-11-04`."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    wall = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=timezone.utc)
    summer = wall + timedelta(hours=7)
    return summer if summer < DST_END else wall + timedelta(hours=8)


def dice(*parts) -> random.Random:
    """A random source that depends on its name alone: one strand of the story never moves another."""
    return random.Random("|".join(str(p) for p in parts))


def _secrets(*names: str, account: str = ACCOUNT, key: str = "secrets") -> dict:
    return {name: Secret(name, account=account, key=key_arn(key, account, WEST)) for name in names}


CHECKOUT = _secrets(*[f"prod/blizzard-checkout/{n}" for n in
                      ("db", "stripe-api-key", "session-signing-key", "webhook-hmac", "tax-api")], key="blizzard-checkout")
CART = _secrets(*[f"prod/snowy-cart/{n}" for n in ("db", "redis-auth", "search-key", "oauth-client")], key="snowy-cart")
WINTERDAY = _secrets(*[f"prod/winterday-db/{n}" for n in
                       ("orders", "inventory", "reporting", "ledger", "customers", "analytics", "archive", "audit",
                        "pricing", "returns")], key="winterday")
FROST = _secrets(*[f"prod/frost-search/{n}" for n in ("index", "admin", "api")])
ICICLE = _secrets(*[f"prod/icicle-mail/{n}" for n in ("smtp", "dkim", "webhook")])
HAIL = _secrets(*[f"prod/hail-batch/{n}" for n in ("sftp", "gpg", "warehouse")])
FLURRY = _secrets(*[f"prod/flurry-web/{n}" for n in ("oauth", "cookie-key", "captcha")])
STAGE = _secrets(*[f"stage/{n}" for n in ("blizzard-checkout/db", "blizzard-checkout/stripe-api-key", "snowy-cart/db",
                                          "winterday-db/orders", "frost-search/api", "icicle-mail/smtp")], account=SECOND)
UNDECLARED = {**WINTERDAY, **FROST, **ICICLE, **HAIL, **FLURRY}

DB = CHECKOUT["prod/blizzard-checkout/db"]
DB_EAST = DB.replica(EAST, key_arn("blizzard-checkout", ACCOUNT, EAST))
SIGNING = CHECKOUT["prod/blizzard-checkout/session-signing-key"]

# role -> (secrets, how it names them, account, user agent)
SERVICES = {
    "Snowy-Cart-TaskRole": (CART, "partial", ACCOUNT, AGENT_RUST),
    "Winterday-Orders-TaskRole": ({n: WINTERDAY[f"prod/winterday-db/{n}"] for n in
                                   ("orders", "inventory", "pricing", "returns", "customers")}, "arn", ACCOUNT, AGENT_JAVA),
    "Winterday-Reports-TaskRole": ({n: WINTERDAY[f"prod/winterday-db/{n}"] for n in
                                    ("reporting", "ledger", "analytics", "archive", "audit")}, "name", ACCOUNT, AGENT_LAMBDA),
    "Frost-Search-TaskRole": (FROST, "arn", ACCOUNT, AGENT_RUST),
    "Icicle-Mail-TaskRole": (ICICLE, "name", ACCOUNT, AGENT_JAVA),
    "Hail-Batch-TaskRole": (HAIL, "partial", ACCOUNT, AGENT_LAMBDA),
    "Flurry-Web-TaskRole": (FLURRY, "name", ACCOUNT, AGENT_RUST),
    "Stage-TaskRole": (STAGE, "name", SECOND, AGENT_JAVA),
}


def deploy_days():
    """Blizzard-Checkout deploys on Tuesdays and Thursdays at 10:00."""
    return [day for day in days() if day.isoweekday() in (2, 4)]


def task(role: str, number: int, when, *, account: str = ACCOUNT, region: str = WEST, agent: str = AGENT_JAVA) -> Caller:
    """One of a service's tasks. Its id changes with every deploy, its credentials every six hours."""
    release = max([d for d in deploy_days() if local(d, 10) <= when], default=FIRST_DAY)
    session = derive_hex(32, "task", role, region, str(number), release.isoformat())
    created = when.replace(hour=when.hour // 6 * 6, minute=11, second=number) - timedelta(hours=6)
    last = derive_hex(4, role, region, str(number))
    return assumed_role(role, session, account=account, created=created, agent=agent, vpc_endpoint=ENDPOINT[region],
                        ip=f"10.{20 if region == WEST else 30}.{int(last[:2], 16) % 16}.{int(last[2:], 16)}")


def checkout_task(number: int, when, region: str = WEST) -> Caller:
    """A task of Blizzard-Checkout."""
    return task("Blizzard-Checkout-TaskRole", number, when, region=region)


def on_call(person: str, when) -> Caller:
    """A person on call; the session carries the person's name."""
    return assumed_role("Snowy-OnCall", person, created=when - timedelta(minutes=4), mfa=True, agent=AGENT_CLI,
                        ip="198.51.100.31", source_identity=person)


def engineer(email: str, when, ip: str = "198.51.100.24") -> Caller:
    """A person through single sign-on, in the console."""
    return sso_user("WinterdayEngineer", email, created=when - timedelta(minutes=12), ip=ip)


def admin(when) -> Caller:
    """Winterday-Secrets-Admin: creates, replicates and rotates; reads nothing."""
    return assumed_role("Winterday-Secrets-Admin", "nils.rime", created=when - timedelta(minutes=9), mfa=True,
                        agent=AGENT_CLI.replace("get-secret-value", "rotate-secret"), ip="198.51.100.40")


def rotation_worker(when) -> Caller:
    """The rotation function, inside the VPC."""
    return rotator(created=when - timedelta(minutes=20)).but(vpc_endpoint=ENDPOINT[WEST])


def inventory(when, **changes) -> Caller:
    """The nightly job that checks that every undeclared secret still opens its door."""
    job = assumed_role("Glacier-Inventory-Role", "Glacier-Inventory", created=when - timedelta(minutes=2), ip="10.20.7.12",
                       agent=AGENT_LAMBDA, vpc_endpoint=ENDPOINT[WEST],
                       function=f"arn:aws:lambda:{WEST}:{ACCOUNT}:function:Glacier-Inventory")
    return job.but(**changes)
