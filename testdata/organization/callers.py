"""Who calls, as CloudTrail shows them: tasks, people, jobs, pipelines. Functions are in `world.py`."""

from datetime import datetime, timedelta

from records import AGENT_CLI, AGENT_LAMBDA, AGENT_TERRAFORM, Caller, assumed_role, derive_hex, rotator, sso_user
from world import ENDPOINTS, PROD, WEST, WEST_PEOPLE, Service, address


def task(service: Service, number: int, when: datetime, region: str | None = None) -> Caller:
    """One of a service's tasks. Its id changes with every deploy, its credentials every six hours."""
    release = max([d for d in service.deploys if d <= when], default="first")
    place = (service.account, region or service.region)
    session = derive_hex(32, "task", *place, service.name, str(number), str(release))
    created = when.replace(hour=when.hour // 6 * 6, minute=11, second=number % 60) - timedelta(hours=6)
    caller = assumed_role(
        service.role,
        session,
        account=service.account,
        created=created,
        agent=service.agent,
        ip=address(service.name, str(number), *place),
        vpc_endpoint=ENDPOINTS.get(place),
    )
    if service.extra_role_id and when >= service.extra_role_id[0]:
        caller.identity["principalId"] = f"{service.extra_role_id[1]}:{session}"
        caller.identity["sessionContext"]["sessionIssuer"]["principalId"] = service.extra_role_id[1]
    return caller


def engineer(person: str, when: datetime, **changes) -> Caller:
    """A person through single sign-on, in the console; from the office's address unless told otherwise."""
    ip = "198.51.100.24" if person in WEST_PEOPLE else "192.0.2.40"
    return sso_user(
        "WinterEngineer", f"{person}@snowy.example", account=PROD, created=when - timedelta(minutes=12), ip=ip
    ).but(**changes)


def on_call(person: str, when: datetime, **changes) -> Caller:
    """A person on call; the session carries the person's name."""
    return assumed_role(
        "Snowy-OnCall",
        person,
        created=when - timedelta(minutes=4),
        mfa=True,
        agent=AGENT_CLI,
        ip="198.51.100.31",
        source_identity=person,
    ).but(**changes)


def admin(when: datetime, account: str = PROD) -> Caller:
    """Creates, replicates and rotates; reads nothing."""
    return assumed_role(
        "Winterday-Secrets-Admin",
        "nils.rime",
        account=account,
        created=when - timedelta(minutes=9),
        mfa=True,
        agent=AGENT_CLI.replace("get-secret-value", "rotate-secret"),
        ip="198.51.100.40",
    )


def rotation_worker(service: Service, when: datetime) -> Caller:
    """The rotation function of the account, inside its network."""
    return rotator(account=service.account, region=service.region, created=when - timedelta(minutes=20)).but(
        vpc_endpoint=ENDPOINTS[service.place]
    )


def job(role: str, when: datetime, *, account: str = PROD, session: str | None = None, region: str = WEST) -> Caller:
    """A scheduled job under its own role."""
    return assumed_role(
        role,
        session or role.removesuffix("-Role").lower(),
        account=account,
        created=when - timedelta(minutes=2),
        ip=address(role),
        agent=AGENT_LAMBDA,
        vpc_endpoint=ENDPOINTS[(account, region)],
    )


def ci(role: str, run: str, when: datetime, account: str = PROD) -> Caller:
    """A pipeline's run, from the address of its provider."""
    return assumed_role(
        role, run, account=account, created=when - timedelta(minutes=1), ip="203.0.113.80", agent=AGENT_TERRAFORM
    )


def principal_role(caller: Caller) -> str:
    """The ARN of the role behind a session."""
    return caller.identity["sessionContext"]["sessionIssuer"]["arn"]
