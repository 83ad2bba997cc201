"""Who calls and what is touched: the nouns that `records.py` builds CloudTrail records from.

Everything here is a pure function of its arguments: role ids, access keys, key ids, suffixes and version ids are
derived from names by uuid5, so that two runs, and two modules that name the same role, agree to the byte.
This module writes no record and no file.
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

ACCOUNT = "111122223333"
REGION = "us-west-2"
NAMESPACE = uuid.UUID("5e6f2a10-0c7e-5a11-9b0d-111122223333")
# Secrets Manager reaches KMS through an endpoint of AWS's own, whatever network the caller sits in.
AWS_OWN_ENDPOINT = "vpce-0c0ffee5a5e11d00d"

AGENT_JAVA = ("aws-sdk-java/2.31.60 md/io#async md/http#NettyNio ua/2.1 os/Linux#5.10.237 lang/java#21.0.7 "
              "md/OpenJDK_64-Bit_Server_VM#21.0.7+6-LTS exec-env/AWS_ECS_FARGATE cfg/retry-mode#legacy")
AGENT_LAMBDA = ("Boto3/1.40.4 md/Botocore#1.40.4 ua/2.1 os/linux#5.10.240 md/arch#x86_64 lang/python#3.12.11 "
                "md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.40.4")
AGENT_RUST = "aws-sdk-rust/1.3.7 ua/2.1 api/secretsmanager/1.80.0 os/linux lang/rust/1.88.0"
AGENT_CLI = ("aws-cli/2.27.50 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/arch#arm64 lang/python#3.13.4 "
             "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#secretsmanager.get-secret-value")
AGENT_CONSOLE = ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
                 "Chrome/141.0.0.0 Safari/537.36")
AGENT_TERRAFORM = ("APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) terraform-provider-aws/6.4.0 "
                   "aws-sdk-go-v2/1.36.6 ua/2.1 os/linux lang/go#1.24.4")


def derive(*parts: str) -> uuid.UUID:
    """The same parts give the same uuid, on every machine and for ever."""
    return uuid.uuid5(NAMESPACE, "|".join(parts))


def derive_id(prefix: str, *parts: str) -> str:
    """An IAM-style id: `AROA…`, `ASIA…`, `AIDA…`: prefix and 16 base-32 characters."""
    digest = hashlib.sha256("|".join((prefix, *parts)).encode()).digest()
    return prefix + base64.b32encode(digest)[:16].decode()


def derive_hex(length: int, *parts: str) -> str:
    """Lower-case hexadecimal text of the given length."""
    return hashlib.sha512("|".join(parts).encode()).hexdigest()[:length]


def at(when) -> datetime:
    """A time from a datetime or from text such as `2026-11-02T10:00:00Z`; whole seconds, UTC."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when.replace("Z", "+00:00"))
    if when.tzinfo is None:
        raise ValueError(f"a time without a zone: {when}")
    return when.astimezone(timezone.utc).replace(microsecond=0)


def stamp(when) -> str:
    """CloudTrail's way to write a time: `2026-11-02T10:00:00Z`."""
    return at(when).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(when, seconds: float) -> datetime:
    """`when` plus seconds."""
    return at(when) + timedelta(seconds=seconds)


def java_date(when) -> str:
    """The zone-less local date that services embed in responses: `Jul 10, 2026, 12:07:59 PM`."""
    t = at(when)
    hour = t.hour % 12 or 12
    return f"{t.strftime('%b')} {t.day}, {t.year}, {hour}:{t.minute:02}:{t.second:02} {'AM' if t.hour < 12 else 'PM'}"


def key_arn(alias: str, account: str = ACCOUNT, region: str = REGION) -> str:
    """The ARN of the KMS key that we call `alias`; the key id is derived from the name."""
    return f"arn:aws:kms:{region}:{account}:key/{derive('key', account, region, alias)}"


@dataclass
class Secret:
    """A secret as AWS knows it. `versions` is its history; `version_at` says which was current at a time."""

    name: str
    account: str = ACCOUNT
    region: str = REGION
    suffix: str = ""
    key: str = ""
    versions: list = field(default_factory=list)  # [(datetime, version id)], oldest first

    def __post_init__(self):
        self.suffix = self.suffix or _suffix(self.account, self.name)
        self.key = self.key or key_arn("secrets", self.account, self.region)
        if not self.versions:
            self.versions = [(datetime(2000, 1, 1, tzinfo=timezone.utc), str(derive("version", self.account, self.name)))]

    @property
    def partial_arn(self) -> str:
        """The ARN without the six characters."""
        return f"arn:aws:secretsmanager:{self.region}:{self.account}:secret:{self.name}"

    @property
    def arn(self) -> str:
        """The full ARN."""
        return f"{self.partial_arn}-{self.suffix}"

    def asked(self, form: str) -> str:
        """What a caller types: `name`, `partial`, `arn`; any other text is passed through verbatim."""
        return {"name": self.name, "partial": self.partial_arn, "arn": self.arn}.get(form, form)

    def version_at(self, when) -> str:
        """The version that AWSCURRENT named at that time."""
        current = [version for since, version in self.versions if since <= at(when)]
        return current[-1] if current else self.versions[0][1]

    def replica(self, region: str, key: str = "") -> "Secret":
        """The replica in another region: same name, suffix and (shared) version history, its own key."""
        twin = replace(self, region=region, key=key or key_arn("secrets", self.account, region))
        twin.versions = self.versions
        return twin


def _suffix(account: str, name: str) -> str:
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    digest = hashlib.sha256(f"suffix|{account}|{name}".encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:6])


@dataclass
class Caller:
    """An identity and where it calls from. `identity` is the record's userIdentity for a direct call."""

    identity: dict
    ip: str
    agent: str
    vpc_endpoint: str | None = None
    from_console: bool = False

    @property
    def arn(self) -> str:
        """The ARN that AWS prints in messages about this caller; an id where there is none."""
        return self.identity.get("arn") or self.identity.get("principalId") or self.identity.get("invokedBy", "unknown")

    @property
    def account(self) -> str | None:
        """The caller's own account."""
        return self.identity.get("accountId")

    @property
    def invoked_by(self) -> str | None:
        """The AWS service that makes the call, if one does."""
        return self.identity.get("invokedBy")

    def but(self, **changes) -> "Caller":
        """A copy that differs in the named fields: `task.but(ip="203.0.113.9", vpc_endpoint=None)`."""
        return replace(self, **changes)

    def through(self, service: str, when) -> "Caller":
        """The same principal, the call made by a service on its behalf (forward access session): a fresh ASIA key,
        a session that begins at that moment, and the service as source and user agent."""
        identity = {k: v for k, v in self.identity.items() if k != "inScopeOf"}
        identity["accessKeyId"] = derive_id("ASIA", "fas", self.arn, stamp(when), service)
        session = dict(identity.get("sessionContext") or {"sessionIssuer": {}, "webIdFederationData": {}})
        session["attributes"] = {"creationDate": stamp(when), "mfaAuthenticated": "false"}
        identity["sessionContext"] = session
        identity["invokedBy"] = service
        return Caller(identity, service, service)


def role_arn(role: str, account: str = ACCOUNT, path: str = "/") -> str:
    """`arn:aws:iam::<account>:role<path><role>`."""
    return f"arn:aws:iam::{account}:role{path}{role}"


def assumed_role(role: str, session: str, *, account: str = ACCOUNT, path: str = "/", created=None, mfa: bool = False,
                 ip: str = "10.20.1.15", agent: str = AGENT_JAVA, vpc_endpoint: str | None = None,
                 source_identity: str | None = None, ec2_role_delivery: str | None = None,
                 function: str | None = None, from_console: bool = False) -> Caller:
    """A role session. The sts ARN drops the role's path, sessionIssuer keeps it. `created` is when the session began
    (default 2026-01-01; it also decides the access key); `function` is the ARN of the Lambda function it was issued to."""
    created = stamp(created or "2026-01-01T00:00:00Z")
    role_id = derive_id("AROA", account, path, role)
    context = {
        "sessionIssuer": {"type": "Role", "principalId": role_id, "arn": role_arn(role, account, path),
                          "accountId": account, "userName": role},
        "attributes": {"creationDate": created, "mfaAuthenticated": "true" if mfa else "false"},
    }
    if source_identity:
        context["sourceIdentity"] = source_identity
    if ec2_role_delivery:
        context["ec2RoleDelivery"] = ec2_role_delivery
    identity = {"type": "AssumedRole", "principalId": f"{role_id}:{session}",
                "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}", "accountId": account,
                "accessKeyId": derive_id("ASIA", account, role, session, created), "sessionContext": context}
    if function:
        identity["inScopeOf"] = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": function}
    return Caller(identity, ip, agent, vpc_endpoint, from_console)


def sso_user(permission_set: str, email: str, *, account: str = ACCOUNT, created=None, ip: str = "198.51.100.24",
             agent: str = AGENT_CONSOLE, from_console: bool = True) -> Caller:
    """A person through IAM Identity Center: role `AWSReservedSSO_<set>_<16 hex>` under its reserved path."""
    role = f"AWSReservedSSO_{permission_set}_{derive_hex(16, 'sso', account, permission_set)}"
    return assumed_role(role, email, account=account, path=f"/aws-reserved/sso.amazonaws.com/{REGION}/",
                        created=created, ip=ip, agent=agent, from_console=from_console)


def iam_user(name: str, *, account: str = ACCOUNT, path: str = "/", session_created=None, mfa: bool = False,
             ip: str = "198.51.100.77", agent: str = AGENT_CLI, from_console: bool = False) -> Caller:
    """An IAM user with a long-lived key, or (`session_created`) with a session whose sessionIssuer is empty."""
    identity = {"type": "IAMUser", "principalId": derive_id("AIDA", account, name),
                "arn": f"arn:aws:iam::{account}:user{path}{name}", "accountId": account,
                "accessKeyId": derive_id("AKIA", account, name), "userName": name}
    if session_created:
        identity["accessKeyId"] = derive_id("ASIA", account, name, stamp(session_created))
        identity["sessionContext"] = _bare_session(session_created, mfa)
    return Caller(identity, ip, agent, None, from_console)


def root(*, account: str = ACCOUNT, session_created="2026-01-01T00:00:00Z", mfa: bool = True, ip: str = "198.51.100.7",
         agent: str = AGENT_CONSOLE, from_console: bool = True) -> Caller:
    """The account's root user in a console session."""
    identity = {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account,
                "accessKeyId": derive_id("ASIA", account, "root", stamp(session_created)),
                "sessionContext": _bare_session(session_created, mfa)}
    return Caller(identity, ip, agent, None, from_console)


def _bare_session(created, mfa: bool) -> dict:
    return {"sessionIssuer": {}, "webIdFederationData": {},
            "attributes": {"creationDate": stamp(created), "mfaAuthenticated": "true" if mfa else "false"}}


def aws_service(name: str) -> Caller:
    """An AWS service principal: type and invokedBy, nothing else; no accountId."""
    return Caller({"type": "AWSService", "invokedBy": name}, name, name)


def service_event_identity(account: str = ACCOUNT, invoked_by: str = "secretsmanager.amazonaws.com") -> Caller:
    """The identity of a service event: it has no `type`."""
    return Caller({"accountId": account, "invokedBy": invoked_by}, invoked_by, invoked_by)


def foreign_account(account: str, principal_id: str, *, ip: str = "203.0.113.50", agent: str = AGENT_CLI) -> Caller:
    """A caller from another account as the resource owner's copy shows it: no ARN."""
    return Caller({"type": "AWSAccount", "principalId": principal_id, "accountId": account}, ip, agent)


def web_identity(provider: str, subject: str, *, ip: str = "203.0.113.80",
                 agent: str = "configure-aws-credentials-for-github-actions") -> Caller:
    """An OIDC subject, as it appears on AssumeRoleWithWebIdentity only."""
    identity = {"type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:{subject}",
                "userName": subject, "identityProvider": provider}
    return Caller(identity, ip, agent)


def saml_user(subject: str, *, provider: str = "idp.example.com", ip: str = "198.51.100.24",
              agent: str = AGENT_CONSOLE) -> Caller:
    """A SAML subject, as it appears on AssumeRoleWithSAML only: no ARN, no account."""
    identity = {"type": "SAMLUser", "principalId": f"{derive_hex(28, provider)}:{subject}", "userName": subject,
                "identityProvider": provider}
    return Caller(identity, ip, agent)
