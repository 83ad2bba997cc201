"""Labels of traps that daily life sets by itself: deploys, jobs, designed errors, colleagues far away, late delivery.

They make no records; they name whom and when, so that a finding about them can be told from any other false one.
"""

from callers import engineer, principal_role
from clock import WEST_COAST, dice
from life_people import BACKUP, CLOSING, INVENTORY, REPORT, SETTLEMENT
from records import after, role_arn, stamp
from world import PROD, STAGE, World

WARM = 14  # days: deploys are taken from after the first weeks


def labels(world: World, late: dict) -> list:
    """One label for each."""
    warm = WEST_COAST.utc(world.clock.day(min(WARM, world.clock.days - 7)), 0)
    whole = (stamp(world.clock.begin), stamp(world.clock.end))
    found = []

    def add(kind, what, principals=(), secrets=(), others=(), window=whole, needs_all=False):
        found.append(
            {
                "id": kind,
                "kind": "trap",
                "class": kind.split("/")[0],
                "variant": None,
                "what": what,
                "principals": list(principals),
                "secrets": sorted(secrets),
                "others": list(others),
                "from": window[0],
                "to": window[1],
                "needs_all": needs_all,
                "absence": False,
                "may_report": [],
                "events": [],
            }
        )

    moments = sorted((m, s.name, s) for s in world.services for m in s.deploys if m > warm)
    for moment, name, service in dice("labelled deploys", world.seed).sample(moments, min(8, len(moments))):
        add(
            f"deploy/{name}/{stamp(moment)}",
            "A deploy: every task starts and reads all of its secrets.",
            [service.role_arn, role_arn(f"ci-{name}", service.account)],
            window=(stamp(moment), stamp(after(moment, 900))),
        )
    for n in range(world.clock.days):
        day = world.clock.day(n)
        if day.day == 1:
            window = (stamp(WEST_COAST.utc(day, 3.9)), stamp(WEST_COAST.utc(day, 6)))
            add(
                f"monthly-job/{day}",
                "The settlement of a month reads a dozen secrets.",
                [role_arn(SETTLEMENT)],
                window=window,
            )
            if day.month % 3 == 1:
                add(
                    f"quarterly-job/{day}",
                    "The closing of a quarter reads a dozen secrets whose contracts name it.",
                    [role_arn(CLOSING)],
                    window=window,
                )
    add("nightly-backup", "A backup reads the same secrets every night.", [role_arn(BACKUP)])
    add(
        "nightly-inventory",
        "An inventory reads three secrets a night, all of them in ten nights.",
        [role_arn(INVENTORY)],
    )
    add("terraform-refresh", "A plan reads all that it manages on every working day.", [role_arn("ci-terraform")])
    add(
        "report-across-accounts",
        "A declared reader of the second account: two copies of each read.",
        [role_arn(REPORT, STAGE)],
    )
    add(
        "designed-errors",
        "Rotations: a version that does not exist yet, bursts of reads, a master's value.",
        [role_arn("Snowy-Rotation-Role", account) for account in (PROD, STAGE)],
    )
    add(
        "preview-environments",
        "Secrets that live for a day and are asked for once after their end.",
        [role_arn("Stage-Preview-TaskRole", STAGE), role_arn("ci-preview", STAGE)],
    )
    add(
        "people-in-two-zones",
        "People at work, each in the hours of the own city.",
        [principal_role(engineer("lena.hoar", warm))],
    )
    for event in late.get("outages", []):
        account, region, since, until = event
        add(
            f"late-delivery/{account}/{region}",
            "Log files come hours late; nothing was silent.",
            others=[f"{account}|{region}"],
            window=(stamp(since), stamp(until)),
            needs_all=True,
        )
    return found
