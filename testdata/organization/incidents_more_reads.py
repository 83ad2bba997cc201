"""Incidents of reads that take some doing: decoys, deleted secrets, the two ledgers, loops, throttling, duties."""

from callers import admin, task
from cases import incident
from records import after, derive


@incident("deleted-secret-read", "loud", span=2)
def deleted_loud(case):
    """A secret that a service lives on is deleted with a recovery window; the service asks for it for hours."""
    _deleted(case, 40, 600)


@incident("deleted-secret-read", "quiet", span=4)
def deleted_quiet(case):
    """Three days after its deletion somebody asks once for a secret."""
    _deleted(case, 1, 3 * 86400)


def _deleted(case, reads, pace):
    item = case.world.take(lambda i: i.is_declared and not i.replicas)
    when = case.when(10)
    item.gone_from = when
    case.trail.delete_secret(when, admin(when), item.secret, window_days=14)

    def ask():
        for n in range(reads):
            later = after(when, pace * (n + 1))
            case.trail.get_secret_value(
                later, task(item.service, 0, later), item.secret, ask=item.service.ask, outcome="deleted"
            )

    if reads > 1:
        ask()
    else:
        case.on(3, ask)
    case.names(item)


@incident("ledger-mismatch", "loud")
def ledger_loud(case):
    """Thirty deliveries that only the key's log shows: the other log was filtered."""
    item, role = case.world.take(lambda i: i.is_declared), case.world.take_function()
    for n in range(30):
        when = after(case.when(13), 47 * n)
        case.trail.secret_decrypt(when, role.caller(when), item.secret, item.secret.version_at(when))
    case.names(item)


@incident("ledger-mismatch", "quiet")
def ledger_quiet(case):
    """For an afternoon a secret is read without any Decrypt, though it always had them."""
    item = case.world.take(lambda i: i.is_declared)
    for n in range(14):
        when = after(case.when(13), 700 * n)
        case.trail.get_secret_value(when, task(item.service, 0, when), item.secret, ask=item.service.ask, decrypt=False)
    case.names(item)


@incident("hot-loop", "loud", span=1)
def loop_loud(case):
    """A release has lost its cache: every task reads every forty seconds, for ten hours, against a promised cache."""
    item = case.world.take(lambda i: i.is_declared and i.cache_ttl)
    begin = case.when(9)
    for n in range(900):
        when = after(begin, 40 * n)
        case.trail.get_secret_value(
            when, task(item.service, n % item.service.tasks, when), item.secret, ask=item.service.ask
        )
    case.names(item.service, item)
    case.needs_all = True


@incident("hot-loop", "quiet", span=9)
def loop_quiet(case):
    """For nine days one task of several asks six times as often as the promised cache would."""
    item = case.world.take(lambda i: i.is_declared and i.cache_ttl)

    def one_day(day):
        for n in range(int(30000 / (item.cache_ttl / 6))):
            when = after(case.when(9, day), n * item.cache_ttl / 6)
            case.trail.get_secret_value(when, task(item.service, 0, when), item.secret, ask=item.service.ask)

    for day in range(9):
        case.on(day, lambda day=day: one_day(day))
    case.names(item.service, item)
    case.needs_all = True


@incident("throttled-reads", "loud")
def throttled_loud(case):
    """Seventy reads of one role are throttled within five minutes."""
    _throttled(case, 70, 4)


@incident("throttled-reads", "quiet")
def throttled_quiet(case):
    """Nine reads of one role are throttled within twelve minutes."""
    _throttled(case, 9, 80)


def _throttled(case, count, pace):
    item = case.world.take(lambda i: i.is_declared)
    begin = case.when(12)
    for n in range(count):
        when = after(begin, pace * n)
        case.trail.get_secret_value(when, task(item.service, 0, when), item.secret, outcome="throttled")
        if n % 5 == 4:
            case.trail.get_secret_value(after(when, 2), task(item.service, 0, when), item.secret, ask=item.service.ask)
    case.names(item.service)


@incident("reads-and-writes", "loud", span=3)
def duties_loud(case):
    """A service writes new values of the secret that it reads, on three days."""
    _duties(case, 3)


@incident("reads-and-writes", "quiet")
def duties_quiet(case):
    """A service changes the secret that it reads, once."""
    _duties(case, 1)


def _duties(case, days):
    item = case.world.take(
        lambda i: (
            i.is_declared
            and not i.rotates
            and i.kind == "shared-key"
            and not any(case.number - 2 <= n <= case.number + 4 for n in i.rotation_days)
        )
    )

    def write(day):
        when = case.when(11, day)
        case.trail.put_secret_value(
            when, task(item.service, 0, when), item.secret, str(derive("duties", item.name, str(day)))
        )

    for day in range(days):
        case.on(day, lambda day=day: write(day))
    case.names(item.service, item)
    case.needs_all = True


@incident("decoy", "loud", small=True)
def decoy_loud(case):
    """Somebody reads a secret that nobody has a reason to touch."""
    item = next(i for i in case.world.items if i.is_decoy)
    role, when = case.world.take_function(), case.when(3)
    case.trail.get_secret_value(when, role.caller(when), item.secret, ask="name")
    case.names(role, item)
    case.needs_all = True


@incident("decoy", "quiet")
def decoy_quiet(case):
    """Somebody looks at a decoy and is refused its value."""
    item = [i for i in case.world.items if i.is_decoy][-1]
    role, when = case.world.take_function(), case.when(16)
    case.trail.describe_secret(when, role.caller(when), item.secret)
    case.trail.get_secret_value(after(when, 12), role.caller(when), item.secret, outcome="denied")
    case.names(role, item)
    case.needs_all = True
