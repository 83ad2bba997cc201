"""Who and what there is: services, secrets, roles, people. Everything follows from the seed. Makes no records.

What a secret's contract says is kept here too, because life must keep to it; `policy.py` writes it down.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clock import BERLIN, WEST_COAST, Clock, Zone, dice
from records import AGENT_JAVA, AGENT_LAMBDA, AGENT_RUST, Caller, Secret, assumed_role, derive_hex, key_arn, role_arn

PROD, STAGE, DATA = "111122223333", "222233334444", "333344445555"
WEST, EAST, EUROPE = "us-west-2", "us-east-1", "eu-central-1"
PLACES = [(PROD, WEST), (PROD, EAST), (STAGE, WEST), (DATA, EUROPE)]
ENDPOINTS = {place: f"vpce-0{derive_hex(16, 'endpoint', *place)}" for place in PLACES}
TRAIL_KEY, BUCKET, QUEUE, TOPIC, RULE = "trail", "snowy-trail", "snowtrail-feed", "snowtrail-pages", "snowtrail-events"
CLUSTER, OWN_SERVICE = "snowtrail", "snowtrail-worker"
FIRST = [
    "blizzard",
    "snowy",
    "frost",
    "icicle",
    "hail",
    "flurry",
    "sleet",
    "glacier",
    "drift",
    "powder",
    "rime",
    "thaw",
    "polar",
    "tundra",
    "yeti",
    "sled",
    "aurora",
    "boreal",
    "cairn",
    "firn",
    "moraine",
    "ridge",
    "summit",
    "lichen",
]
SECOND = [
    "checkout",
    "cart",
    "search",
    "mail",
    "batch",
    "web",
    "pay",
    "ledger",
    "auth",
    "stock",
    "price",
    "media",
    "chat",
    "geo",
    "tax",
    "fraud",
    "loyalty",
    "feed",
    "export",
    "quota",
    "render",
    "notify",
    "shop",
    "review",
]
# kind -> (days within which the contract wants a new value, days after which life makes one)
KINDS = {"database": (30, 26), "api-token": (14, 12), "oauth": (30, 25), "shared-key": (60, 50)}
LEAVES = {
    "database": ["db", "replica-db", "reporting-db"],
    "api-token": ["stripe-key", "maps-token", "mail-token"],
    "oauth": ["oauth-client", "sso-client"],
    "shared-key": ["signing-key", "cookie-key", "webhook-hmac"],
}
# Seconds between two reads of one secret by one task: few services are eager, or the lake would hold little else.
INTERVALS = [2400, 9600, 4800, 9600, 19200, 4800, 9600, 4800, 19200, 9600]
WEST_PEOPLE = ["lena.hoar", "otto.sleet", "maria.frost", "nils.rime", "ada.thaw"]
BERLIN_PEOPLE = ["jonas.reif", "greta.harsch", "emil.firn"]


@dataclass
class Item:
    """One secret and what its contract says. `contract`: full, owner (no readers declared) or none."""

    secret: Secret
    service: "Service"
    kind: str
    contract: str
    sensitivity: str
    readers: list = field(default_factory=list)  # ARNs or globs beside the service's own roles
    replicas: list = field(default_factory=list)
    cache_ttl: int | None = None
    has_endpoints: bool = False
    has_quiet_hours: bool = False
    is_decoy: bool = False
    rotates: bool = True  # by schedule; else by hand, or never
    is_scheduled: bool = False  # the lake sees how its schedule is set
    cadence: bool = True  # whether the contract names rotate_every
    gone_from: datetime | None = None  # life no longer reads it
    rotation_off_from: datetime | None = None

    @property
    def name(self) -> str:
        return self.secret.name

    @property
    def is_declared(self) -> bool:
        return self.contract == "full"


@dataclass
class Service:
    """A service: its tasks run under one role and read all of its secrets."""

    name: str
    account: str
    region: str
    zone: Zone
    tasks: int
    interval: int  # seconds between two reads of one secret by one task
    contract: str
    ask: str
    agent: str
    uses_batch: bool
    items: list = field(default_factory=list)
    functions: list = field(default_factory=list)
    parameters: list = field(default_factory=list)
    deploys: list = field(default_factory=list)  # moments
    extra_role_id: tuple | None = None  # (from when, new AROA id): the role was deleted and made again

    @property
    def role(self) -> str:
        return "-".join(part.capitalize() for part in self.name.split("-")) + "-TaskRole"

    @property
    def role_arn(self) -> str:
        return role_arn(self.role, self.account)

    @property
    def key(self) -> str:
        return key_arn(self.name, self.account, self.region)

    @property
    def place(self) -> tuple:
        return self.account, self.region


@dataclass
class Function:
    """A Lambda function with a role of its own that reads one secret of its team's by a timer."""

    name: str
    service: Service
    item: Item
    every: int  # hours

    @property
    def role(self) -> str:
        return f"{self.name}-Role"

    @property
    def role_arn(self) -> str:
        return role_arn(self.role, self.service.account)

    def caller(self, when: datetime, **changes) -> Caller:
        """The function at work."""
        arn = f"arn:aws:lambda:{self.service.region}:{self.service.account}:function:{self.name}"
        created = when.replace(minute=0, second=0) - timedelta(hours=1)
        return assumed_role(
            self.role,
            self.name,
            account=self.service.account,
            created=created,
            agent=AGENT_LAMBDA,
            ip=address("function", self.name),
            function=arn,
            vpc_endpoint=ENDPOINTS[self.service.place],
        ).but(**changes)


def address(*parts: str) -> str:
    """An address inside the organization's networks."""
    digits = derive_hex(4, "address", *parts)
    return f"10.{20 + int(digits[0], 16) % 4}.{int(digits[1:3], 16)}.{1 + int(digits[3], 16)}"


class World:
    """Everything there is. `take…` hands a secret or a role to one incident or trap, so that no two meddle."""

    def __init__(self, seed: int, small: bool):
        self.seed, self.small = seed, small
        self.clock = Clock(seed, 21 if small else 45)
        self.roll = dice("world", seed)
        self.services: list = []
        self._make_services(6 if small else 38)
        self.items = [item for service in self.services for item in service.items]
        self.functions = [f for service in self.services for f in service.functions]
        self.later: dict = {}  # day number -> [function]
        self.outages: dict = {}  # key ARN -> (from, to): the key cannot be used
        self.silences: list = []  # (account, region, from, to): nothing is recorded
        self.blind: list = []  # (account, event source, from, to): not recorded
        self.windows: list = []  # planned work, for the policy
        self.suppressions: list = []
        self._free_items = list(self.items)
        self._free_functions = list(self.functions)
        dice("free", seed).shuffle(self._free_items)
        dice("free functions", seed).shuffle(self._free_functions)

    # ---- making ----------------------------------------------------------------------------------------------------

    def _make_services(self, count: int):
        names = [f"{first}-{second}" for first, second in zip(FIRST, SECOND)]
        names += [f"{first}-{second}" for first, second in zip(FIRST, SECOND[7:])]
        for number, name in enumerate(names[:count]):
            self.services.append(self._service(number, name))
        self._make_database()
        self._make_tools()

    def _service(self, number: int, name: str) -> Service:
        roll = dice("service", self.seed, name)
        # Contracts: seven of ten full, the rest owner or none; the small organization has one without any.
        contract = "none" if number % 5 == 3 else "owner" if number % 10 == 6 else "full"
        account, region = PROD, WEST
        if not self.small and number % 12 == 10:
            account, region = DATA, EUROPE
        if not self.small and number % 8 == 5:
            account = STAGE
        zone = BERLIN if region == EUROPE or number % 3 == 2 else WEST_COAST
        service = Service(
            name,
            account,
            region,
            zone,
            roll.randint(2, 5),
            1200 if number in (0, 20) else INTERVALS[number % len(INTERVALS)],
            contract,
            roll.choice(["name", "arn", "partial"]),
            roll.choice([AGENT_JAVA, AGENT_RUST]),
            roll.random() < 0.3,
        )
        kinds = ["database", "api-token", "oauth", "shared-key"]
        for n in range(2 if self.small else roll.randint(3, 4)):
            self._item(service, roll, kinds[(number + n) % 4])
        for n in range(1 if self.small else roll.choice([1, 1, 2])):
            title = "-".join(part.capitalize() for part in name.split("-"))
            service.functions.append(
                Function(f"{title}-{('Sync', 'Sweep')[n]}", service, roll.choice(service.items), roll.choice([2, 3, 4]))
            )
        service.parameters = [f"/{name}/{leaf}" for leaf in ("region", "flags", "queue-password", "api-token")]
        return service

    def _item(self, service: Service, roll, kind: str, name: str | None = None) -> Item:
        tier = "stage" if service.account == STAGE else "prod"
        taken = {item.name for item in service.items}
        leaves = [f"{tier}/{service.name}/{leaf}" for leaf in LEAVES[kind]]
        name = name or next(leaf for leaf in leaves if leaf not in taken)
        sensitivity = "low" if tier == "stage" else roll.choice(["medium", "high", "high", "critical"])
        item = Item(
            Secret(name, account=service.account, region=service.region, key=service.key),
            service,
            kind,
            service.contract,
            sensitivity,
        )
        item.rotates = kind != "shared-key" and (service.contract != "none" or roll.random() < 0.5)
        item.is_scheduled = item.rotates and roll.random() < 0.6
        item.has_endpoints = roll.random() < 0.4
        item.has_quiet_hours = roll.random() < 0.3
        if roll.random() < 0.5:
            item.cache_ttl = service.interval * 3 // 4
        if service.place == (PROD, WEST) and roll.random() < 0.2:
            item.replicas = [EAST]
        service.items.append(item)
        return item

    def _make_database(self):
        """One database with many users, whose rotations go through one master; and secrets that nobody may touch."""
        roll = dice("database", self.seed)
        main = Service("winterday-db", PROD, WEST, WEST_COAST, 3, 9600, "full", "arn", AGENT_JAVA, False)
        for leaf in (
            ("orders", "master")
            if self.small
            else (
                "orders",
                "stock",
                "users",
                "prices",
                "returns",
                "audit",
                "archive",
                "reports",
                "ledger",
                "claims",
                "master",
            )
        ):
            self._item(main, roll, "database", f"prod/winterday-db/{leaf}")
        self.master = main.items[-1]
        self.master.kind, self.master.rotates = "shared-key", False
        self.services.append(main)
        closed = Service("vault-old", PROD, WEST, WEST_COAST, 0, 9600, "full", "name", AGENT_JAVA, False)
        for leaf in ("root-password",) if self.small else ("root-password", "payroll-export"):
            decoy = self._item(closed, roll, "shared-key", f"prod/vault-old/{leaf}")
            decoy.is_decoy, decoy.rotates, decoy.cadence, decoy.sensitivity = True, False, False, "high"
        self.services.append(closed)

    def _make_tools(self):
        """Secrets that people use at work, so that only the hour of a read can be wrong."""
        roll = dice("tools", self.seed)
        tools = Service("snow-tools", PROD, WEST, WEST_COAST, 1, 19200, "full", "name", AGENT_RUST, False)
        for leaf in ("admin-console",) if self.small else ("admin-console", "grafana", "support-desk", "vendor-portal"):
            item = self._item(tools, roll, "shared-key", f"prod/snow-tools/{leaf}")
            item.readers = [ENGINEERS]
            item.has_endpoints = False
            item.replicas = []
        self.tools = tools.items
        self.services.append(tools)

    # ---- handing out -----------------------------------------------------------------------------------------------

    def take(self, want=lambda item: True) -> Item:
        """A secret in the busy place for one incident; nobody else gets it while there are others."""

        def fits(item):
            return (
                item.service.place == (PROD, WEST)
                and item.service.tasks
                and not item.is_decoy
                and item.gone_from is None
                and item not in self.tools
                and item is not self.master
                and want(item)
            )

        found = next((item for item in self._free_items if fits(item)), None)
        if found:
            self._free_items.remove(found)
            return found
        used = [item for item in self.items if fits(item)]
        if not used:
            raise LookupError("this organization has no secret of the kind that a case wants")
        return dice("reuse", self.seed, len(used)).choice(used)

    def take_function(self, apart_from: Service | None = None) -> Function:
        """A role that is an old acquaintance, to be abused; of another team than the given one."""

        def fits(function):
            return function.service.account == PROD and function.service is not apart_from

        found = next((f for f in self._free_functions if fits(f)), None)
        if found:
            self._free_functions.remove(found)
            return found
        return next(f for f in self.functions if fits(f))

    def undeclared(self, apart_from: Service | None = None) -> list:
        """Secrets that no contract closes, in the main account."""
        return [
            i
            for i in self.items
            if not i.is_declared
            and i.service.place == (PROD, WEST)
            and i.service is not apart_from
            and i.gone_from is None
        ]

    def others(self, apart_from: Service) -> list:
        """All secrets of other services in the busy place that still exist, no decoys; in an order of their own."""
        found = [
            i
            for i in self.items
            if i.service.place == (PROD, WEST)
            and i.service is not apart_from
            and not i.is_decoy
            and i.gone_from is None
            and i.service.tasks
        ]
        dice("others", self.seed, apart_from.name).shuffle(found)
        return found

    def on(self, day: int, work):
        """Does something on a later day, after that day's rotations."""
        self.later.setdefault(day, []).append(work)


# Both teams use one permission set: the role alone does not say whose hours count.
ENGINEERS = f"arn:aws:iam::{PROD}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_WinterEngineer_*"
ON_CALL = "arn:aws:iam::*:role/Snowy-OnCall"
ADMIN = role_arn("Winterday-Secrets-Admin", PROD)
