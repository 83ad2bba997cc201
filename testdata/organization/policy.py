"""Writes the organization's policy file: a contract for most secrets, planned work, the pipeline's parts."""

import json

from calls_more import TOPIC_ARN
from clock import HOLIDAYS
from records import role_arn
from world import (
    ADMIN,
    BUCKET,
    CLUSTER,
    DATA,
    ENDPOINTS,
    EUROPE,
    KINDS,
    ON_CALL,
    OWN_SERVICE,
    PROD,
    QUEUE,
    RULE,
    STAGE,
    WEST,
    World,
)


def _line(key: str, value) -> str:
    return f"{key} = {json.dumps(value)}"


def write(world: World) -> str:
    """The whole file as text."""
    parts = [_organization(world), "\n".join(["[[humans]]", _line("principals", [ON_CALL])])]
    parts += [_contract(item) for item in world.items if item.contract != "none" and item.service.account != STAGE]
    # The second account is declared by its tags, as teams do that make secrets every day.
    parts.append(
        "\n".join(["[[secrets]]", 'tags = { Env = "stage" }', _line("owner", "stage"), _line("sensitivity", "low")])
    )
    parts += [_window(*window) for window in world.windows]
    parts.append(_trail())
    return "\n\n".join(parts) + "\n"


def _organization(world: World) -> str:
    accounts, regions = [PROD, STAGE, DATA], ["us-west-2", "us-east-1", EUROPE]
    return "\n".join(
        [
            "# Written by testdata/organization; see the README there.",
            "[organization]",
            _line("accounts", accounts),
            _line("regions", regions),
            _line("timezone", "America/Los_Angeles"),
            'business_hours = { days = "mon-fri", from = "08:00", to = "18:00" }',
            _line("holidays", HOLIDAYS),
        ]
    )


def _contract(item) -> str:
    service = item.service
    lines = [
        "[[secrets]]",
        _line("match", item.name),
        _line("accounts", [service.account]),
        _line("owner", service.name),
        _line("sensitivity", item.sensitivity),
    ]
    if item.contract != "full":
        return "\n".join(lines)
    rotator = role_arn("Snowy-Rotation-Role", service.account)
    functions = [f.role_arn for f in service.functions if f.item is item]
    readers = [] if item.is_decoy else sorted({service.role_arn, *functions, *item.readers})
    lines.append(_line("readers", readers))
    if item.is_decoy:
        return "\n".join([*lines, "decoy = true"])
    lines += [
        _line("break_glass", [ON_CALL]),
        _line("rotators", [rotator]),
        _line("admins", [ADMIN if service.account == PROD else role_arn("Winterday-Secrets-Admin", service.account)]),
        _line("type", item.kind),
    ]
    if item.cadence:
        lines.append(_line("rotate_every", f"{KINDS[item.kind][0]}d"))
    if item.replicas:
        lines.append(_line("replica_regions", item.replicas))
    if item.has_endpoints:
        own = [endpoint for (account, _), endpoint in ENDPOINTS.items() if account == service.account]
        lines.append(
            _line(
                "vpc_endpoints",
                sorted(
                    set(
                        own + [ENDPOINTS[(STAGE, WEST)]]
                        if role_arn("Stage-Report-Role", STAGE) in item.readers
                        else own
                    )
                ),
            )
        )
    if item.cache_ttl:
        lines.append(_line("cache_ttl", f"{item.cache_ttl // 60}m"))
    if item.has_quiet_hours:
        lines.append('quiet_hours = { from = "01:00", to = "05:00" }')
    return "\n".join(lines)


def _window(principal: str, begin: str, end: str, reason: str) -> str:
    return "\n".join(
        [
            "[[windows]]",
            _line("principals", [principal]),
            _line("from", begin),
            _line("to", end),
            _line("reason", reason),
        ]
    )


def _trail() -> str:
    protect = [
        f"arn:aws:s3:::{BUCKET}",
        f"arn:aws:sqs:{WEST}:{PROD}:{QUEUE}",
        TOPIC_ARN,
        f"arn:aws:events:{WEST}:{PROD}:rule/{RULE}",
        f"arn:aws:ecs:{WEST}:{PROD}:service/{CLUSTER}/{OWN_SERVICE}",
    ]
    return "\n".join(["[trail]", _line("heartbeat", "4h"), _line("protect", protect)])
