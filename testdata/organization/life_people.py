"""People in two time zones, and jobs by the night, the week, the month and the quarter."""

from callers import ci, engineer, job
from clock import BERLIN, WEST_COAST, dice, is_working_day
from life_services import read
from records import Secret, Trail, after, foreign_account, role_arn, web_identity
from world import BERLIN_PEOPLE, PROD, STAGE, WEST, WEST_PEOPLE, World

INVENTORY, BACKUP, SETTLEMENT, CLOSING = (f"Glacier-{n}-Role" for n in ("Inventory", "Backup", "Settlement", "Closing"))
REPORT = "Stage-Report-Role"


def plan_jobs(world: World):
    """Which secrets the jobs read. Where a contract is closed it names the job; where none is, history must do."""

    def pick(name, count, want=lambda item: True):
        fits = [
            i
            for i in world.items
            if i.service.place == (PROD, WEST)
            and i.service.tasks
            and want(i)
            and i not in world.tools
            and i is not world.master
        ]
        return dice("job", world.seed, name).sample(fits, min(count, len(fits)))

    count = 3 if world.small else 15
    world.jobs = {
        INVENTORY: pick("inventory", 6 if world.small else 30),
        BACKUP: pick("backup", count),
        SETTLEMENT: pick("settlement", 3 if world.small else 13),
        CLOSING: pick("closing", 3 if world.small else 12, lambda i: i.is_declared),
        "ci-terraform": pick("terraform", 3 if world.small else 18),
    }
    for role, items in world.jobs.items():
        for item in items:
            item.readers.append(role_arn(role, PROD))
    for item in world.jobs["ci-terraform"]:
        item.has_endpoints = False  # pipelines run outside the networks
    world.shared = next(i for i in world.items if i.is_declared and i.service.place == (PROD, WEST) and i.service.tasks)
    world.shared.readers.append(role_arn(REPORT, STAGE))


def people(world: World, number: int) -> list:
    """Engineers read what they need for work, each in the working hours of the own city; at night they only look."""
    trail = Trail(f"organization/{world.seed}/people/{number}")
    day = world.clock.day(number)
    for zone, names in ((WEST_COAST, WEST_PEOPLE), (BERLIN, BERLIN_PEOPLE)):
        for person in names:
            roll = dice("people", world.seed, person, number)
            if is_working_day(day) and roll.random() < 0.35:
                when = zone.utc(day, 9 + roll.random() * 8)
                trail.list_secrets(after(when, -40), engineer(person, when))
                read(world, trail, when, engineer(person, when), roll.choice(world.tools))
            if roll.random() < 0.05:
                when = zone.utc(day, 22 + roll.random() * 3)
                trail.list_secrets(when, engineer(person, when))
                trail.describe_secret(after(when, 31), engineer(person, when), roll.choice(world.items).secret)
    if dice("slip", world.seed, number).random() < 0.15 and is_working_day(day):
        when = WEST_COAST.utc(day, 11.2)
        trail.get_secret_value(when, engineer("otto.sleet", when), world.shared.secret, outcome="denied")
    return trail.records


def jobs(world: World, number: int) -> list:
    """Nightly inventory (three secrets a night) and backup (always the same), terraform on working days, a report from
    the second account, the settlement on the first of a month, the closing on the first of a quarter."""
    trail = Trail(f"organization/{world.seed}/jobs/{number}")
    day = world.clock.day(number)
    stock = world.jobs[INVENTORY]
    when = WEST_COAST.utc(day, 3.1)
    for n in range(3):
        read(world, trail, after(when, 40 * n), job(INVENTORY, when), stock[(3 * number + n) % len(stock)], ask="arn")
    when = WEST_COAST.utc(day, 2.25)
    _all(world, trail, when, job(BACKUP, when), world.jobs[BACKUP], 12)
    if is_working_day(day):
        _terraform(world, trail, WEST_COAST.utc(day, 6.5))
    _report(world, trail, WEST_COAST.utc(day, 12.7))
    if day.day == 1:
        when = WEST_COAST.utc(day, 4.0)
        _all(world, trail, when, job(SETTLEMENT, when), world.jobs[SETTLEMENT], 9)
        if day.month % 3 == 1:
            when = WEST_COAST.utc(day, 5.0)
            _all(world, trail, when, job(CLOSING, when), world.jobs[CLOSING], 14)
    return trail.records


def _all(world, trail, when, caller, items, pace):
    for n, item in enumerate(items):
        read(world, trail, after(when, pace * n), caller, item, ask="arn")


def _terraform(world, trail, when):
    """A plan refreshes what it manages: it reads everything within a minute, at the same hour."""
    run = f"plan-{when:%Y%m%d}"
    who = web_identity("token.actions.githubusercontent.com", "repo:snowy/platform:ref:refs/heads/main")
    trail.assume_role(when, who, role_arn("ci-terraform"), run, name="AssumeRoleWithWebIdentity")
    caller = ci("ci-terraform", run, when)
    for n, item in enumerate(world.jobs["ci-terraform"]):
        trail.describe_secret(after(when, 5 + 2 * n), caller, item.secret)
        read(world, trail, after(when, 6 + 2 * n), caller, item, ask="arn")


def _report(world, trail, when):
    """A read from the second account, which leaves a copy in both."""
    if world.shared.gone_from:
        return
    two_copies(trail, when, job(REPORT, when, account=STAGE), world.shared.secret)


def two_copies(trail: Trail, when, reader, secret: Secret) -> list:
    """A read across accounts: the caller's copy knows who, the owner's copy knows only the account."""
    account = reader.account
    foreign = foreign_account(account, reader.identity["principalId"], ip=reader.ip, agent=reader.agent)
    owner = trail.get_secret_value(when, foreign, secret, ask="arn")
    caller = trail.get_secret_value(when, reader, secret, ask="arn", recipientAccountId=account)
    caller[1]["recipientAccountId"] = account
    owner[1]["userIdentity"].pop("sessionContext", None)
    for number, (one, other) in enumerate(zip(owner, caller)):
        one["sharedEventID"] = other["sharedEventID"] = one["eventID"][:-4] + f"{number:04x}"
    return owner + caller


STRANDS = [people, jobs]
