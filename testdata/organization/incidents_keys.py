"""Incidents of keys and of parameters, each loud and quiet."""

from callers import admin, task
from calls_more import key_policy, parameter_history, update_alias
from cases import Case, incident
from life_care import re_encrypt
from records import AGENT_CLI, after, assumed_role, key_arn
from world import PROD, WEST, Service

OUTSIDE = {"ip": "203.0.113.66", "vpc_endpoint": None, "agent": AGENT_CLI}


def _key_of(case: Case) -> Service:
    """A service of the busy place whose key nobody else was given."""
    service = case.world.take(lambda i: i.is_declared and i.service.key not in case.world.outages).service
    case.names(service.key, others=[service.key.split("/")[-1], service.name])
    return service


def _out(case, service, begin, end):
    """The key cannot be used for a while; the service's reads fail meanwhile."""
    case.world.outages[service.key] = (begin, end)
    for item in service.items:
        case.names(item)
    case.names(service)
    case.lasts(begin, end)


@incident("key-about-to-die", "loud", small=True)
def schedule_loud(case):
    """A key in daily use is scheduled for deletion, and taken back three hours later."""
    service, when = _key_of(case), case.when(11)
    case.trail.schedule_key_deletion(when, case.world.take_function().caller(when, **OUTSIDE), service.key, days=7)
    later = after(when, 3 * 3600)
    for second, name in enumerate(("CancelKeyDeletion", "EnableKey")):
        case.trail.key_switch(after(later, second * 40), admin(later), name, service.key)
    _out(case, service, when, after(later, 45))


@incident("key-about-to-die", "quiet", "disabled")
def disable_quiet(case):
    """A key in use is disabled by the admin, for forty minutes at night."""
    service, when = _key_of(case), case.when(2)
    case.trail.key_switch(when, admin(when), "DisableKey", service.key)
    case.trail.key_switch(after(when, 2400), admin(when), "EnableKey", service.key)
    _out(case, service, when, after(when, 2400))


@incident("key-about-to-die", "quiet", "material")
def material_quiet(case):
    """Imported material of a key in use is deleted, and imported again an hour later."""
    service, when = _key_of(case), case.when(3)
    case.trail.kms(
        when, admin(when), "DeleteImportedKeyMaterial", service.key, {"keyId": service.key}, {"keyId": service.key}
    )
    case.trail.kms(
        after(when, 3600),
        admin(when),
        "ImportKeyMaterial",
        service.key,
        {"keyId": service.key, "expirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
        {"keyId": service.key},
    )
    _out(case, service, when, after(when, 3600))


@incident("key-used-after-death", "loud")
def used_loud(case):
    """A key is disabled, and its service asks for it sixty times."""
    _use_dead(case, 60, 60, 3)


@incident("key-used-after-death", "quiet")
def used_quiet(case):
    """A key is disabled; two hours later somebody tries once to decrypt with it."""
    _use_dead(case, 1, 7000, 1)


def _use_dead(case, uses, pace, hour):
    from life_services import dead_key_read

    service, when = _key_of(case), case.when(hour)
    case.trail.key_switch(when, admin(when), "DisableKey", service.key)
    for n in range(uses):
        later = after(when, pace * (n + 1))
        dead_key_read(case.trail, later, task(service, 0, later), service.items[0].secret, service.ask)
    end = after(when, pace * (uses + 1))
    case.trail.key_switch(end, admin(end), "EnableKey", service.key)
    _out(case, service, when, end)


@incident("key-policy-widened", "loud", small=True)
def key_public(case):
    """A key's policy lets everybody decrypt."""
    _key_policy(case, key_policy({"AWS": "*"}), bypass=True)


@incident("key-policy-widened", "quiet")
def key_external(case):
    """A key's policy names an account outside the organization."""
    _key_policy(case, key_policy({"AWS": "arn:aws:iam::999988887777:root"}))


def _key_policy(case, policy, bypass=False):
    service, when = _key_of(case), case.when(16)
    case.trail.put_key_policy(when, admin(when), service.key, policy, bypass=bypass)


@incident("key-grant-to-stranger", "loud")
def grant_loud(case):
    """A grant lets a foreign account decrypt."""
    _grant(case, "arn:aws:iam::999988887777:role/collector")


@incident("key-grant-to-stranger", "quiet")
def grant_quiet(case):
    """A grant lets a role of the organization decrypt that never used this key."""
    _grant(case, case.world.take_function().role_arn)


def _grant(case, grantee):
    service, when = _key_of(case), case.when(18)
    case.trail.create_grant(when, admin(when), service.key, grantee, ["Decrypt", "DescribeKey"])


@incident("key-alias-repointed", "loud")
def alias_loud(case):
    """A function's role points a service's alias to another key."""
    when = case.when(4)
    _alias(case, when, case.world.take_function().caller(when, **OUTSIDE))


@incident("key-alias-repointed", "quiet")
def alias_quiet(case):
    """The admin does so by day."""
    when = case.when(14)
    _alias(case, when, admin(when))


def _alias(case, when, who):
    service = _key_of(case)
    update_alias(case.trail, when, who, service.name, key_arn("volumes", PROD, WEST))


@incident("key-rotation-disabled", "loud")
def key_rotation_loud(case):
    """A function's role turns the yearly rotation of a key off."""
    when = case.when(3)
    case.trail.key_switch(
        when, case.world.take_function().caller(when, **OUTSIDE), "DisableKeyRotation", _key_of(case).key
    )


@incident("key-rotation-disabled", "quiet")
def key_rotation_quiet(case):
    """The admin does so by day."""
    when = case.when(11)
    case.trail.key_switch(when, admin(when), "DisableKeyRotation", _key_of(case).key)


@incident("direct-decrypt", "loud", small=True)
def direct_loud(case):
    """Ciphertexts of a dozen secrets are decrypted with the key directly, around Secrets Manager."""
    role = case.world.take_function()
    for n, item in enumerate(case.world.others(role.service)[:12]):
        when = after(case.when(13), 15 * n)
        case.trail.kms_decrypt(
            when,
            role.caller(when, **OUTSIDE),
            item.secret.key,
            {"SecretARN": item.secret.arn, "SecretVersionId": item.secret.version_at(when)},
        )
    case.names(role)


@incident("direct-decrypt", "quiet")
def direct_quiet(case):
    """One parameter's ciphertext is decrypted directly, from inside."""
    role, when = case.world.take_function(), case.when(15)
    name = case.world.services[0].parameters[-1]
    case.trail.kms_decrypt(
        when,
        role.caller(when),
        key_arn("parameters", PROD, WEST),
        {"PARAMETER_ARN": f"arn:aws:ssm:{WEST}:{PROD}:parameter/{name.lstrip('/')}"},
    )
    case.names(role)


@incident("decrypt-spike", "loud")
def decrypt_loud(case):
    """A role that decrypts six files an hour decrypts seven hundred in twelve minutes."""
    _decrypt(case, 700, 1)


@incident("decrypt-spike", "quiet")
def decrypt_quiet(case):
    """It decrypts ninety in an hour."""
    _decrypt(case, 90, 39)


def _decrypt(case, count, pace):
    begin = case.when(13)
    who = assumed_role("Powder-Export-Role", "export", created=begin, ip="10.20.7.44", agent=AGENT_CLI)
    for n in range(count):
        case.trail.kms_decrypt(
            after(begin, pace * n), who, key_arn("exports", PROD, WEST), {"purpose": "export", "part": str(n)}
        )
    case.names(who, key_arn("exports", PROD, WEST))


@incident("bulk-reencrypt", "loud")
def reencrypt_loud(case):
    """Two hundred ciphertexts are put under a key of a foreign account in ten minutes."""
    _reencrypt(case, 200, 3, key_arn("theirs", "999988887777", WEST))


@incident("bulk-reencrypt", "quiet")
def reencrypt_quiet(case):
    """Thirty ciphertexts are put under another key of the account within an hour."""
    _reencrypt(case, 30, 110, key_arn("volumes", PROD, WEST))


def _reencrypt(case, count, pace, destination):
    role, begin = case.world.take_function(), case.when(12)
    service = case.world.take(lambda i: i.is_declared).service
    for n in range(count):
        re_encrypt(
            case.trail,
            after(begin, pace * n),
            role.caller(begin),
            service.key,
            destination,
            {"purpose": f"{service.name}-{n}"},
        )
    case.names(role, service.key)


def _all_parameters(case, apart_from):
    return [
        p
        for s in case.world.services
        if s.account == PROD and s.region == WEST and s is not apart_from
        for p in s.parameters
    ]


@incident("parameter-breadth", "loud", small=True)
def parameters_loud(case):
    """A function's role reads parameters of all services, ten a call."""
    role, begin = case.world.take_function(), case.when(14)
    names = _all_parameters(case, role.service)[:60]
    for n in range(0, len(names), 10):
        case.trail.get_parameters(
            after(begin, 3 * n), role.caller(begin, **OUTSIDE), names[n : n + 10], key=key_arn("parameters", PROD, WEST)
        )
    case.names(role)


@incident("parameter-breadth", "quiet")
def parameters_quiet(case):
    """It reads by path and by history: few calls, which do not say how much they gave."""
    role, begin = case.world.take_function(), case.when(17)
    for n, service in enumerate([s for s in case.world.services if s.parameters and s is not role.service][:14]):
        case.trail.get_parameters_by_path(after(begin, 55 * n), role.caller(begin), f"/{service.name}/")
        if n % 2:
            parameter_history(case.trail, after(begin, 55 * n + 20), role.caller(begin), service.parameters[2])
    case.names(role)


@incident("first-seen-parameter-reader", "loud")
def parameter_first_loud(case):
    """An old role reads another team's password in Parameter Store, eight times."""
    _parameter_first(case, 8)


@incident("first-seen-parameter-reader", "quiet")
def parameter_first_quiet(case):
    """An old role reads another team's parameter once."""
    _parameter_first(case, 1)


def _parameter_first(case, reads):
    role = case.world.take_function()
    service = next(s for s in case.world.services[::-1] if s.parameters and s.account == PROD and s is not role.service)
    for n in range(reads):
        when = after(case.when(10), 400 * n)
        case.trail.get_parameters(
            when, role.caller(when), [service.parameters[2]], key=key_arn("parameters", PROD, WEST)
        )
    case.names(role)
