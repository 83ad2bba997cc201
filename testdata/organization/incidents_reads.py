"""Incidents of reads, each loud and quiet. A thief is mostly a function's role: an old acquaintance with one secret
of its own. Nothing here knows a threshold: loud is what a person would see at a glance, quiet what one finds on
looking."""

from datetime import timedelta

from callers import admin, engineer, job, on_call, task
from cases import Case, incident, weekend, working
from life_people import two_copies
from records import AGENT_CLI, after, assumed_role, derive, foreign_account
from world import EAST, ENDPOINTS, EUROPE, PROD, STAGE, WEST

OUTSIDE = {"ip": "203.0.113.66", "vpc_endpoint": None, "agent": AGENT_CLI}


def _is_busy(item):
    return item.is_declared and item.service.interval <= 4800


def _spike(case: Case, reads: int, seconds: int, hour: float):
    item = case.world.take(_is_busy)
    begin = case.when(hour)
    for n in range(reads):
        when = after(begin, n * seconds / reads)
        case.trail.get_secret_value(when, task(item.service, 1, when), item.secret, ask=item.service.ask)
    case.names(item.service, item)
    case.needs_all = True


@incident("spike", "loud", small=True)
def spike_loud(case):
    """A compromised task asks for one password 400 times in forty minutes."""
    _spike(case, 400, 2400, 13)


@incident("spike", "quiet")
def spike_quiet(case):
    """At night one task reads its own secret 55 times in fifty minutes, several times what that hour ever had."""
    _spike(case, 55, 3000, 2)


def _harvest(case: Case, secrets: list, thief, begin, pace: float):
    for n, item in enumerate(secrets):
        when = after(begin, n * pace)
        case.trail.get_secret_value(when, thief(n, when), item.secret, ask="arn")
    case.names(thief(0, begin))


@incident("breadth", "loud", "fast", small=True)
def breadth_fast(case):
    """Stolen credentials of a function open two dozen secrets of other teams in three minutes."""
    role = case.world.take_function()
    begin = case.when(14)
    case.trail.caller_identity(begin, role.caller(begin, **OUTSIDE))
    case.trail.list_secrets(after(begin, 9), role.caller(begin, **OUTSIDE))
    _harvest(case, case.world.others(role.service)[:24], lambda n, t: role.caller(t, **OUTSIDE), after(begin, 30), 7)


@incident("breadth", "quiet", "fast")
def breadth_fast_quiet(case):
    """A function's role reads fourteen secrets that no contract closes, in eight minutes, from inside."""
    role = case.world.take_function()
    _harvest(case, case.world.undeclared(role.service)[:14], lambda n, t: role.caller(t), case.when(11), 36)


@incident("breadth", "loud", "slow")
def breadth_slow(case):
    """Thirty secrets in nineteen hours, one every forty minutes."""
    role = case.world.take_function()
    _harvest(case, case.world.others(role.service)[:30], lambda n, t: role.caller(t, **OUTSIDE), case.when(1), 2290)


@incident("breadth", "quiet", "slow")
def breadth_slow_quiet(case):
    """Twenty-two secrets that no contract closes in twenty hours, from inside."""
    role = case.world.take_function()
    _harvest(case, case.world.undeclared(role.service)[:22], lambda n, t: role.caller(t), case.when(1), 3270)


@incident("breadth", "loud", "spread")
def breadth_spread(case):
    """Thirty secrets in six minutes, over four sessions, two regions, batches by list and by filter."""
    role = case.world.take_function()
    begin, found = case.when(16), case.world.others(role.service)[:30]

    def thief(n, when):
        return assumed_role(
            role.role,
            f"session-{n % 4}",
            created=when - timedelta(minutes=3),
            ip=f"203.0.113.{70 + n % 4}",
            agent=AGENT_CLI,
        )

    case.trail.batch_get_secret_value(begin, thief(0, begin), [i.secret for i in found[:10]], derived="service")
    case.trail.batch_get_secret_value(
        after(begin, 80),
        thief(1, begin),
        [i.secret for i in found[10:19]],
        filters=[{"key": "name", "values": ["prod/"]}],
        derived=None,
    )
    for n, item in enumerate(found[19:]):
        when = after(begin, 150 + 19 * n)
        secret = item.secret.replica(EAST) if item.replicas else item.secret
        case.trail.get_secret_value(when, thief(n, when), secret, ask="arn")
    case.names(role)


@incident("breadth", "quiet", "spread")
def breadth_spread_quiet(case):
    """Fifteen secrets that no contract closes in nine minutes, each by a session of its own."""
    role = case.world.take_function()

    def thief(n, when):
        return assumed_role(
            role.role,
            f"run-{n:02}",
            created=when,
            ip=f"10.21.{n}.9",
            agent=AGENT_CLI,
            vpc_endpoint=ENDPOINTS[(PROD, WEST)],
        )

    _harvest(case, case.world.undeclared(role.service)[:15], thief, case.when(10), 37)


def _slow_harvest(case: Case, a_day: int, days: int, secrets: list, thief):
    def one_day(day):
        for n, item in enumerate(secrets[day * a_day : (day + 1) * a_day]):
            when = after(case.when(8, day), n * 7200)
            if item.gone_from is None:
                case.trail.get_secret_value(when, thief(when), item.secret, ask="arn")

    for day in range(days):
        case.on(day, lambda day=day: one_day(day))


@incident("slow-harvest", "loud", span=8)
def harvest_loud(case):
    """Five new secrets a day for eight days, below every rate of a day."""
    role = case.world.take_function()
    _slow_harvest(case, 5, 8, case.world.others(role.service), lambda when: role.caller(when, **OUTSIDE))
    case.names(role)


@incident("slow-harvest", "quiet", span=14)
def harvest_quiet(case):
    """Two new secrets a day for two weeks, none of them closed by a contract, from inside."""
    role = case.world.take_function()
    _slow_harvest(case, 2, 14, case.world.undeclared(role.service), lambda when: role.caller(when))
    case.names(role)


@incident("unexpected-reader", "loud", small=True)
def unexpected_loud(case):
    """Another team's role reads a sensitive secret six times whose contract does not name it."""
    item = case.world.take(lambda i: i.is_declared and i.sensitivity in ("high", "critical"))
    role = case.world.take_function(item.service)
    for n in range(6):
        when = after(case.when(11), 71 * n)
        case.trail.get_secret_value(when, role.caller(when), item.secret, ask="arn")
    case.names(role, item)
    case.needs_all = True


@incident("unexpected-reader", "quiet")
def unexpected_quiet(case):
    """The secrets' admin, who may manage but not read, reads once."""
    item = case.world.take(lambda i: i.is_declared)
    when = case.when(15)
    case.trail.get_secret_value(when, admin(when), item.secret)
    case.names(admin(when), item)
    case.needs_all = True


@incident("first-seen-reader", "loud", small=True)
def first_seen_loud(case):
    """An old role begins to read a sensitive old secret that has an owner, but no declared readers."""
    item = (
        case.world.take(lambda i: i.contract == "owner" and i.sensitivity in ("high", "critical"))
        if not case.world.small
        else case.world.take(lambda i: not i.is_declared)
    )
    _first_seen(case, item, 9)


@incident("first-seen-reader", "quiet")
def first_seen_quiet(case):
    """An old role reads, once, an old secret of which no contract speaks."""
    _first_seen(case, case.world.take(lambda i: i.contract == "none"), 1)


def _first_seen(case, item, reads):
    role = case.world.take_function(item.service)
    for n in range(reads):
        when = after(case.when(12), 300 * n)
        case.trail.get_secret_value(when, role.caller(when), item.secret, ask="arn")
    case.names(role, item)
    case.needs_all = True


@incident("off-hours", "loud", small=True, want=weekend)
def off_hours_loud(case):
    """A person of the west coast reads three times in a night of a weekend, from an address nobody knows."""
    item = case.roll.choice(case.world.tools)
    for n in range(3):
        when = after(case.when(2.6), 200 * n)
        case.trail.get_secret_value(when, engineer("lena.hoar", when, ip="203.0.113.199"), item.secret, ask="arn")
    case.names(engineer("lena.hoar", when), item)
    case.needs_all = True


@incident("off-hours", "quiet", want=working)
def off_hours_quiet(case):
    """A person of the west coast reads once at half past two in the night of a working day, while the colleagues in
    Berlin, who share the permission set, are at work."""
    item, when = case.roll.choice(case.world.tools), case.when(2.5)
    case.trail.get_secret_value(when, engineer("otto.sleet", when), item.secret, ask="name")
    case.names(engineer("otto.sleet", when), item)
    case.needs_all = True


@incident("break-glass", "loud", small=True)
def break_glass_loud(case):
    """The person on call breaks the glass: the contract allows it, and promises to report it."""
    item, when = case.world.take(lambda i: i.is_declared and not i.has_endpoints), case.when(14.5)
    case.trail.describe_secret(when, on_call("maria.frost", when), item.secret)
    case.trail.get_secret_value(after(when, 14), on_call("maria.frost", when), item.secret)
    case.names(on_call("maria.frost", when), item)
    case.needs_all = True


@incident("break-glass", "quiet")
def break_glass_quiet(case):
    """The emergency role reads one secret again and again for hours, without MFA: outside its terms."""
    item = case.world.take(lambda i: i.is_declared and not i.has_endpoints)
    for n in range(12):
        when = after(case.when(9), 1500 * n)
        who = assumed_role("Snowy-OnCall", "nobody", created=when, mfa=False, ip="203.0.113.31", agent=AGENT_CLI)
        case.trail.get_secret_value(when, who, item.secret)
    case.names(who, item)
    case.needs_all = case.must_alarm = True


@incident("denied-burst", "loud", small=True)
def denied_loud(case):
    """A function's role tries twenty doors in three minutes."""
    _denied(case, 20, 9)


@incident("denied-burst", "quiet")
def denied_quiet(case):
    """A function's role is refused six secrets in a quarter of an hour."""
    _denied(case, 6, 140)


def _denied(case, count, pace):
    role = case.world.take_function()
    begin = case.when(15)
    for n, item in enumerate(case.world.others(role.service)[:count]):
        when = after(begin, pace * n)
        case.trail.get_secret_value(
            when, role.caller(when), item.secret, outcome="denied", denied_names="name" if n % 3 == 0 else "arn"
        )
    case.names(role)


@incident("denied-then-allowed", "loud")
def allowed_loud(case):
    """Ten refusals, and minutes later the same role is given the secret."""
    _then_allowed(case, 10, 600)


@incident("denied-then-allowed", "quiet")
def allowed_quiet(case):
    """Two refusals, and three quarters of an hour later one read that works."""
    _then_allowed(case, 2, 2700)


def _then_allowed(case, refusals, pause):
    item = case.world.take(lambda i: i.contract != "full")
    role = case.world.take_function(item.service)
    begin = case.when(10)
    for n in range(refusals):
        case.trail.get_secret_value(after(begin, 20 * n), role.caller(begin), item.secret, outcome="denied")
    when = after(begin, 20 * refusals + pause)
    case.trail.get_secret_value(when, role.caller(when), item.secret, ask="arn")
    case.names(role, item)
    case.needs_all = True


@incident("stale-version", "loud", span=3)
def stale_loud(case):
    """After a rotation one service still asks for the old version, dozens of times in two days."""
    _stale(case, 30, 5400)


@incident("stale-version", "quiet", span=2)
def stale_quiet(case):
    """Nine hours after a rotation one task asks once for the old version."""
    _stale(case, 1, 0)


def _stale(case, reads, pace):
    from life_care import rotate

    item = case.world.take(
        lambda i: (
            i.is_declared
            and i.rotates
            and not i.replicas
            and not any(case.number - 3 <= n <= case.number + 3 for n in i.rotation_days)
        )
    )
    old = item.secret.version_at(case.when(0))
    rotate(case.world, case.trail, item, case.when(2))
    begin = case.when(11)
    for n in range(reads):
        when = after(begin, pace * n)
        case.trail.get_secret_value(
            when, task(item.service, 1, when), item.secret, ask=item.service.ask, version_id=old
        )
    case.names(item)
    case.lasts(case.when(2), after(begin, pace * reads + 60))


@incident("outside-network", "loud", small=True)
def network_loud(case):
    """A service's own role reads its secret from a public address, around the declared endpoint."""
    _network(case, 5, ip="203.0.113.90", vpc_endpoint=None)


@incident("outside-network", "quiet")
def network_quiet(case):
    """A service's own role reads its secret once through an endpoint of another network."""
    _network(case, 1, ip="10.99.3.4", vpc_endpoint="vpce-0ddba11ddba11ddba")


def _network(case, reads, **place):
    outside = case.world.jobs["ci-terraform"]
    item = case.world.take(lambda i: i.is_declared and i not in outside)
    item.has_endpoints = True
    for n in range(reads):
        when = after(case.when(13), 90 * n)
        case.trail.get_secret_value(when, task(item.service, 0, when).but(**place), item.secret, ask=item.service.ask)
    case.names(item.service, item)
    case.needs_all = True


@incident("cross-account", "loud")
def cross_loud(case):
    """A principal of an account that nobody knows reads a secret: only the owner's copy is there."""
    item = case.world.take(lambda i: i.is_declared)
    for n in range(4):
        when = after(case.when(17), 200 * n)
        made = case.trail.get_secret_value(
            when,
            foreign_account("999988887777", "AROAEXAMPLEFOREIGN99:stranger"),
            item.secret,
            ask="arn",
            sharedEventID=str(derive("foreign", item.name, str(n))),
        )
        made[1]["userIdentity"].pop("sessionContext", None)
    case.names(item)


@incident("cross-account", "quiet")
def cross_quiet(case):
    """A role of the organization's own second account reads once what no contract closes."""
    item, when = case.world.take(lambda i: i.contract == "owner"), case.when(12)
    two_copies(case.trail, when, job("Stage-Batch-Role", when, account=STAGE), item.secret)
    case.names(item)


@incident("replica-region", "loud")
def replica_loud(case):
    """A reader whom the contract names reads a replica in a region that the contract does not name, five times."""
    item = case.world.take(lambda i: i.is_declared and not i.replicas)
    for n in range(5):
        when = after(case.when(11), 240 * n)
        case.trail.get_secret_value(when, task(item.service, 0, when, EUROPE), item.secret.replica(EUROPE), ask="arn")
    case.names(item)


@incident("replica-region", "quiet")
def replica_quiet(case):
    """The same once, in a region that other secrets are replicated to."""
    item, when = case.world.take(lambda i: i.is_declared and not i.replicas), case.when(9)
    case.trail.get_secret_value(when, task(item.service, 0, when, EAST), item.secret.replica(EAST), ask="arn")
    case.names(item)
