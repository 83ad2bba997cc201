"""Incidents of the trail and of the pipeline, and stories: chains that say more than their links."""

from callers import admin, job
from calls_more import ATTACKS, attack, put_role_policy, secret_policy
from cases import Case, incident
from records import AGENT_CLI, advanced_selector, after, assumed_role, basic_selector, derive, foreign_account, iam_user
from world import BUCKET, DATA, EUROPE, PROD, STAGE, WEST

OUTSIDE = {"ip": "203.0.113.66", "vpc_endpoint": None, "agent": AGENT_CLI}
KMS, SM = "kms.amazonaws.com", "secretsmanager.amazonaws.com"
BLIND = "terraform-legacy"


def _intruder(**changes):
    return iam_user(BLIND, ip="203.0.113.66").but(**changes)


def _blinding(case: Case, when, minutes: int, hidden=()):
    """The trail is put right some minutes later; what the call hid is not in the files meanwhile."""
    end = after(when, minutes * 60)
    for source in hidden:
        case.world.blind.append((PROD, source, after(when, 1), end))
    case.trail.put_event_selectors(end, admin(end), basic=[basic_selector()])
    # Until it is put right the two logs of a read disagree in the trail's own place, and a rule may say so.
    case.names("snowy-trail", others=[f"{PROD}|{WEST}"])
    case.lasts(when, end)


@incident("trail-blinded", "loud", "stopped", small=True)
def stopped(case):
    """Logging is stopped; twenty minutes later it is started again."""
    when = case.when(3)
    case.trail.trail_call(when, _intruder(), "StopLogging")
    case.trail.trail_call(after(when, 1200), admin(when), "StartLogging")
    case.names("snowy-trail")
    case.lasts(when, after(when, 1))


@incident("trail-blinded", "loud", "deleted")
def deleted(case):
    """The trail is deleted, and made again within the hour."""
    when = case.when(3)
    case.trail.trail_call(when, _intruder(), "DeleteTrail")
    case.trail.create_trail(after(when, 2400), admin(when), bucket=BUCKET)
    case.names("snowy-trail")
    case.lasts(when, after(when, 1))


@incident("trail-blinded", "loud", "no-keys")
def no_keys(case):
    """Uses of keys are taken out of the trail, for fifty minutes."""
    when = case.when(19)
    case.trail.put_event_selectors(when, _intruder(), basic=[basic_selector(exclude=[KMS])])
    _blinding(case, when, 50, [KMS])


@incident("trail-blinded", "quiet", "writes-only")
def writes_only(case):
    """The admin lets the trail record writes only: no read of a secret is seen for half an hour."""
    when = case.when(12)
    case.trail.put_event_selectors(when, admin(when), basic=[basic_selector("WriteOnly")])
    _blinding(case, when, 30, [SM, KMS])


@incident("trail-blinded", "quiet", "advanced")
def advanced(case):
    """Advanced selectors leave Secrets Manager out by its name."""
    when = case.when(16)
    selector = advanced_selector(eventCategory__equals=["Management"], eventSource__notEquals=[SM])
    case.trail.put_event_selectors(when, _intruder(), advanced=[selector])
    _blinding(case, when, 20, [SM])


@incident("trail-blinded", "quiet", "one-region")
def one_region(case):
    """The trail is made a trail of one region."""
    when = case.when(15)
    case.trail.update_trail(when, admin(when), {"isMultiRegionTrail": False})
    case.trail.update_trail(after(when, 5400), admin(when), {"isMultiRegionTrail": True})
    case.names("snowy-trail")
    case.lasts(when, after(when, 1))


@incident("trail-blinded", "quiet", "validation")
def validation(case):
    """The trail's files are no longer signed."""
    when = case.when(10)
    case.trail.update_trail(when, admin(when), {"enableLogFileValidation": False})
    case.trail.update_trail(after(when, 4000), admin(when), {"enableLogFileValidation": True})
    case.names("snowy-trail")
    case.lasts(when, after(when, 1))


LOUD = [
    "bucket-policy",
    "bucket-objects",
    "queue-deleted",
    "queue-purged",
    "topic-deleted",
    "rule-disabled",
    "service-scaled",
]


def _register_attacks():
    for form, (_, name, _) in ATTACKS.items():

        def make(case, form=form):
            when = case.when(4 + case.roll.randrange(12))
            who = _intruder() if form in LOUD else admin(when)
            attack(case.trail, when, who, form)
            case.names(others=[ATTACKS[form][1]])

        make.__doc__ = f"The pipeline is attacked: {name} ({form})."
        incident(
            "pipeline-attacked",
            "loud" if form in LOUD else "quiet",
            form,
            small=form in ("queue-deleted", "bucket-lifecycle"),
        )(make)


_register_attacks()


@incident("trail-silent", "loud")
def silent_loud(case):
    """The third account says nothing for fifteen hours."""
    _silent(case, DATA, EUROPE, 5, 15)


@incident("trail-silent", "quiet")
def silent_quiet(case):
    """The second account says nothing for seven hours of a night."""
    _silent(case, STAGE, WEST, 0, 7)


def _silent(case, account, region, hour, hours):
    begin = case.when(hour)
    case.world.silences.append((account, region, begin, after(begin, 3600 * hours)))
    case.names(others=[f"{account}|{region}"])
    case.is_absence = True
    case.lasts(begin, after(begin, 3600 * (hours + 24)))


# ---- stories -------------------------------------------------------------------------------------------------------


@incident("story-recon-breadth", "loud", small=True)
def recon_loud(case):
    """Who am I, which secrets are there, and then two dozen of them in minutes."""
    _recon(case, 24, 6, 60)


@incident("story-recon-breadth", "quiet")
def recon_quiet(case):
    """One list of secrets; three quarters of an hour later fourteen reads in ten minutes."""
    _recon(case, 14, 41, 2700)


def _recon(case, count, pace, pause):
    role, begin = case.world.take_function(), case.when(20)
    loud = count > 20
    thief = lambda when: role.caller(when, **OUTSIDE) if loud else role.caller(when)
    if loud:
        case.trail.caller_identity(begin, thief(begin))
        for n, item in enumerate(case.world.others(role.service)[:8]):
            case.trail.describe_secret(after(begin, 20 + n), thief(begin), item.secret)
    case.trail.list_secrets(after(begin, 10), thief(begin))
    items = case.world.others(role.service) if loud else case.world.undeclared(role.service)
    for n, item in enumerate(items[:count]):
        when = after(begin, pause + pace * n)
        case.trail.get_secret_value(when, thief(when), item.secret, ask="arn")
    case.names(role)


@incident("story-denied-policy-read", "loud")
def denied_policy_loud(case):
    """Refused eight times; a policy is put on the role; the read works."""
    _denied_policy(case, 8, 300)


@incident("story-denied-policy-read", "quiet")
def denied_policy_quiet(case):
    """Refused once; two hours later the secret's own policy names the role; the read works."""
    _denied_policy(case, 1, 7200)


def _denied_policy(case, refusals, pause):
    item = case.world.take(lambda i: i.is_declared)
    role, begin = case.world.take_function(item.service), case.when(9)
    for n in range(refusals):
        case.trail.get_secret_value(after(begin, 11 * n), role.caller(begin), item.secret, outcome="denied")
    change = after(begin, 11 * refusals + pause)
    if refusals > 1:
        put_role_policy(case.trail, change, admin(change), role.role)
    else:
        case.trail.put_resource_policy(change, admin(change), item.secret, secret_policy({"AWS": role.role_arn}))
    when = after(change, 240)
    case.trail.get_secret_value(when, role.caller(when), item.secret, ask="arn")
    case.names(role, item)


@incident("story-policy-external-read", "loud", small=True)
def external_loud(case):
    """A secret is opened to everybody, and minutes later a foreign account reads it."""
    _external(case, secret_policy("*"), 400)


@incident("story-policy-external-read", "quiet")
def external_quiet(case):
    """A secret is opened to one foreign account, which reads it once, five hours later."""
    _external(case, secret_policy({"AWS": "arn:aws:iam::999988887777:root"}), 18000)


def _external(case, policy, pause):
    item, begin = case.world.take(lambda i: i.is_declared), case.when(11)
    case.trail.put_resource_policy(begin, admin(begin), item.secret, policy)
    when = after(begin, pause)
    made = case.trail.get_secret_value(
        when,
        foreign_account("999988887777", "AROAEXAMPLEFOREIGN99:collector"),
        item.secret,
        ask="arn",
        sharedEventID=str(derive("external", item.name)),
    )
    made[1]["userIdentity"].pop("sessionContext", None)
    case.names(item)


@incident("story-rotation-cancelled-read", "loud")
def cancelled_loud(case):
    """A secret's rotation is turned off, and the same hands read it minutes later."""
    _cancelled(case, 500)


@incident("story-rotation-cancelled-read", "quiet")
def cancelled_quiet(case):
    """Eight hours pass between the two."""
    _cancelled(case, 28800)


def _cancelled(case, pause):
    item = case.world.take(lambda i: i.is_declared and i.rotates and not i.replicas)
    role, begin = case.world.take_function(item.service), case.when(10)
    case.trail.cancel_rotate_secret(begin, role.caller(begin), item.secret)
    item.rotation_off_from = begin
    when = after(begin, pause)
    case.trail.get_secret_value(when, role.caller(when), item.secret, ask="arn")
    case.names(role, item)


@incident("story-read-near-blinding", "loud")
def near_blinding_loud(case):
    """Four secrets are read, and four minutes later their reader stops the trail."""
    _near_blinding(case, 4, 240)


@incident("story-read-near-blinding", "quiet")
def near_blinding_quiet(case):
    """One secret is read thirteen minutes before somebody else narrows the trail."""
    _near_blinding(case, 1, 780)


def _near_blinding(case, reads, pause):
    role, begin = case.world.take_function(), case.when(21)
    items = case.world.others(role.service)[:reads] if reads > 1 else case.world.undeclared(role.service)[-1:]
    for n, item in enumerate(items):
        case.trail.get_secret_value(after(begin, 9 * n), role.caller(begin), item.secret, ask="arn")
        case.names(item)
    when = after(begin, 9 * reads + pause)
    if reads > 1:
        case.trail.trail_call(when, role.caller(when), "StopLogging")
        case.trail.trail_call(after(when, 900), admin(when), "StartLogging")
    else:
        case.trail.update_trail(when, _intruder(), {"isMultiRegionTrail": False})
        case.trail.update_trail(after(when, 900), admin(when), {"isMultiRegionTrail": True})
    case.names(role, "snowy-trail")


@incident("story-first-seen-assume-read", "loud")
def assumed_loud(case):
    """A user whom nobody has seen takes a service's role, and reads a secret for the first time."""
    _assumed(case, iam_user("contractor-7", ip="203.0.113.66"), 5, 60)


@incident("story-first-seen-assume-read", "quiet")
def assumed_quiet(case):
    """A role of the second account takes a function's role for the first time, and reads one secret later."""
    when = case.when(15)
    _assumed(case, job("Stage-Ops-Role", when, account=STAGE), 1, 1800)


def _assumed(case, stranger, reads, pause):
    role, begin = case.world.take_function(), case.when(15)
    item = case.world.take(lambda i: i.contract != "full" and i.service is not role.service)
    case.trail.assume_role(begin, stranger, role.role_arn, "maintenance")
    for n in range(reads):
        when = after(begin, pause + 20 * n)
        thief = assumed_role(role.role, "maintenance", created=begin, ip=stranger.ip, agent=AGENT_CLI)
        thief.identity["accessKeyId"] = case.trail.records[0]["responseElements"]["credentials"]["accessKeyId"]
        case.trail.get_secret_value(when, thief, item.secret, ask="arn")
    case.names(role, item)
