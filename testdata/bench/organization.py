"""The trail of a busy organization, as CloudTrail records: the input of `ingest_cost.py`. Writes no file.

The mix is one where an audit of secrets has to skip most of what it reads: by default 35 records of 100 are in
Snowtrail's scope. Reads of a few hundred secrets, each with its paired KMS Decrypt and the favourites far ahead; data
keys of S3; roles assumed by services; Parameter Store; and around them EC2, CloudWatch Logs, S3 and Lambda. Sessions and
access keys are new in every record, which is the worst case for compression and for dictionaries.

The records themselves are made by `../compose`, as those of the story and of the rules' fixtures are. The same seed,
file number and size give the same records: the clock is not read.
"""

import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compose"))

from records import (AGENT_CLI, AGENT_JAVA, AGENT_LAMBDA, AGENT_RUST, Secret, Trail, assumed_role, aws_service,  # noqa: E402
                     derive, derive_hex, key_arn, role_arn)

ACCOUNTS = ["111122223333", "222233334444", "333344445555", "444455556666"]
REGIONS = ["us-west-2", "us-east-1", "eu-west-1"]
SERVICES = ["blizzard-checkout", "snowy-cart", "winterday-db", "frost-search", "icicle-mail", "hail-batch", "flurry-web",
            "sleet-pay", "glacier-ledger", "drift-auth"]
# A longer trail begins earlier: all of it lies in the past, where a worker looks at it.
END = datetime(2026, 11, 4, tzinfo=timezone.utc)
DAYS = 3
SECRETS_PER_PLACE = 60
ROLES_PER_ACCOUNT = 80
SCOPE = ("secretsmanager.amazonaws.com", "kms.amazonaws.com", "sts.amazonaws.com", "ssm.amazonaws.com")


def is_in_scope(record: dict) -> bool:
    """Whether Snowtrail keeps it; true of what this module makes, not of every trail."""
    return record["eventSource"] in SCOPE


class Organization:
    """Makes the records of one log file at a time; files do not depend on each other."""

    def __init__(self, seed: int, files: int, in_scope: float, days: int = DAYS):
        self.seed, self.files, self.in_scope, self.days = seed, files, in_scope, days

    def log_file(self, number: int, records_max: int) -> tuple:
        """Account, region, time of delivery and records of one log file."""
        dice = random.Random(f"{self.seed}/{number}")
        account, region = dice.choice(ACCOUNTS), dice.choice(REGIONS)
        span = timedelta(days=self.days) / self.files
        begin = END - timedelta(days=self.days) + span * number
        maker = LogFile(f"bench/{self.seed}/{number}", dice, account, region, begin, span)
        records = maker.make(records_max, round(records_max * self.in_scope))
        return account, region, begin + span + timedelta(minutes=5), records


class LogFile:
    """What one account did in one region within one span."""

    def __init__(self, seed: str, dice: random.Random, account: str, region: str, begin: datetime, span: timedelta):
        self.trail, self.dice = Trail(seed), dice
        self.account, self.region, self.begin, self.span = account, region, begin, span

    def make(self, records_max: int, in_scope_max: int) -> list:
        kept = self._fill([(28, self._read), (24, self._bucket_key), (14, self._assume), (3, self._parameters),
                           (3, self._manage)], in_scope_max)
        noise = self._fill([(40, self._instances), (20, self._log_stream), (20, self._bucket), (20, self._function)],
                           records_max - in_scope_max)
        records = kept + noise
        self.dice.shuffle(records)  # CloudTrail's files are in no order of time either
        return records

    def _fill(self, calls: list, count: int) -> list:
        self.trail.records = []
        weights, makers = zip(*calls)
        while len(self.trail.records) < count:
            self.dice.choices(makers, weights)[0](self.begin + self.span * self.dice.random())
        return self.trail.records[:count]

    # ---- who and what ------------------------------------------------------------------------------------------

    def _hex(self, length: int) -> str:
        return f"{self.dice.getrandbits(4 * length):0{length}x}"

    def _role(self) -> str:
        number = self.dice.randrange(ROLES_PER_ACCOUNT)
        return f"{SERVICES[number % len(SERVICES)]}-{('task', 'lambda', 'batch', 'ci')[number % 4]}-{number}"

    def _caller(self, when: datetime):
        dice = self.dice
        created = when - timedelta(minutes=dice.randrange(1, 600))
        ip = f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}"
        agent = dice.choice([AGENT_JAVA, AGENT_LAMBDA, AGENT_RUST, AGENT_CLI])
        endpoint = f"vpce-0{derive_hex(16, self.account, self.region)}" if dice.random() < 0.5 else None
        return assumed_role(self._role(), self._hex(32), account=self.account, created=created, ip=ip, agent=agent,
                            vpc_endpoint=endpoint)

    def _secret(self) -> Secret:
        number = min(int(self.dice.paretovariate(0.9)), SECRETS_PER_PLACE) - 1
        service = SERVICES[number % len(SERVICES)]
        name = f"{('prod', 'stage')[number % 2]}/{service}/{('db', 'api', 'oauth', 'webhook', 'tls')[number % 5]}-{number}"
        return Secret(name, account=self.account, region=self.region, key=key_arn(service, self.account, self.region))

    def _at(self) -> dict:
        return {"account": self.account, "region": self.region}

    # ---- in scope ----------------------------------------------------------------------------------------------

    def _read(self, when):
        outcome = "denied" if self.dice.random() < 0.01 else "ok"
        self.trail.get_secret_value(when, self._caller(when), self._secret(), ask=self.dice.choice(["name", "arn"]), outcome=outcome)

    def _bucket_key(self, when):
        key = key_arn(self.dice.choice(SERVICES), self.account, self.region)
        context = {"aws:s3:arn": f"arn:aws:s3:::{self.dice.choice(SERVICES)}-data-{self.account}"}
        make = self.dice.choice([self.trail.generate_data_key, self.trail.kms_decrypt])
        make(when, self._caller(when), key, context)

    def _assume(self, when):
        service = self.dice.choice(["ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "ec2.amazonaws.com"])
        self.trail.assume_role(when, aws_service(service), role_arn(self._role(), self.account), self._hex(32), **self._at())

    def _parameters(self, when):
        self.trail.get_parameters_by_path(when, self._caller(when), f"/{self.dice.choice(SERVICES)}/config", **self._at())

    def _manage(self, when):
        secret, caller = self._secret(), self._caller(when)
        choice = self.dice.randrange(3)
        if choice == 0:
            self.trail.describe_secret(when, caller, secret)
        elif choice == 1:
            self.trail.list_secrets(when, caller, **self._at())
        else:
            self.trail.put_secret_value(when, caller, secret, str(derive("version", self._hex(16))))

    # ---- outside -----------------------------------------------------------------------------------------------

    def _instances(self, when):
        wanted = [{"instanceId": f"i-0{self._hex(16)}"} for _ in range(self.dice.randrange(1, 6))]
        tag = {"name": "tag:Service", "valueSet": {"items": [{"value": self.dice.choice(SERVICES)}]}}
        params = {"maxResults": 1000, "instancesSet": {"items": wanted}, "filterSet": {"items": [tag]}}
        self.trail.other(when, self._caller(when), "ec2.amazonaws.com", "DescribeInstances", params, **self._at())

    def _log_stream(self, when):
        params = {"logGroupName": f"/aws/lambda/{self._role()}", "logStreamName": f"{when:%Y/%m/%d}/[$LATEST]{self._hex(32)}"}
        self.trail.other(when, self._caller(when), "logs.amazonaws.com", "CreateLogStream", params, **self._at())

    def _bucket(self, when):
        self.trail.bucket_acl(when, self._caller(when), f"{self.dice.choice(SERVICES)}-data-{self.account}", **self._at())

    def _function(self, when):
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{self._role()}"
        if self.dice.random() < 0.05:
            self.trail.lambda_decoy(when, self._caller(when), arn, **self._at())
        else:
            self.trail.other(when, self._caller(when), "lambda.amazonaws.com", "GetFunction20150331v2", {"functionName": arn}, **self._at())
