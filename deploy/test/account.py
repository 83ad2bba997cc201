"""The worker's path in an account of AWS: what no emulator proves. Permissions, S3's own announcements, conditional puts.

    python3 deploy/test/account.py --account 123456789012      # in AWS, by its standard variables, as that account
    python3 deploy/test/account.py --emulator                  # the script itself, in MiniStack

Makes two buckets, four queues and two topics named `snowtrail-trial-…`, writes log files as CloudTrail would, runs the
worker against them, and takes everything away again, also when a fact fails. Costs less than a cent. Needs a built
program (--binary) and rights over S3, SQS and SNS; without `--account` of the credentials at hand nothing is made. Reads
no secret, and no trail of yours: for those there are `snowtrail doctor` and `snowtrail canary`.

The last line is `N passed, N failed`; exit 1 if one failed.
"""

import argparse
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "testdata" / "bench")]

import boto3  # noqa: E402
from page_latency import record  # noqa: E402
from template import ROOT, Peer, expect, tell  # noqa: E402

READER = "Trial-Checkout-TaskRole"
FILES, FILE_RECORDS, WORKERS = 24, 25, 3
RECEIVES_MAX = 3
PATIENCE_SECONDS = 180  # S3 says of its notifications: typically in seconds, at times a minute or longer


class Cloud:
    """AWS itself, by the standard variables."""

    def __init__(self, account):
        self.session = boto3.Session()
        self.region = self.session.region_name or sys.exit("no region: set AWS_REGION")
        identity = self.client("sts").get_caller_identity()
        self.account, self.partition = identity["Account"], identity["Arn"].split(":")[1]
        if self.account != account:
            sys.exit(f"these are credentials of account {self.account}, not of {account}: nothing was made")
        self.environment = {**os.environ, "AWS_REGION": self.region}

    def client(self, service):
        return self.session.client(service, region_name=self.region)

    def stop(self):
        """Goes on without us."""


class Emulated(Peer):
    """MiniStack, with the variables that lead a program there."""

    def __init__(self):
        super().__init__("ministack")
        self.account, self.region, self.partition = "111122223333", "us-west-2", "aws"
        self.environment = {
            **os.environ, "AWS_ENDPOINT_URL": self.url, "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.account, "AWS_SECRET_ACCESS_KEY": "unused",
        }


class Trial:
    """What the facts need, made and taken away."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.s3, self.sqs, self.sns = (cloud.client(service) for service in ("s3", "sqs", "sns"))
        self.name = f"snowtrail-trial-{uuid.uuid4().hex[:12]}"
        self.trail, self.lake = f"{self.name}-trail", f"{self.name}-lake"
        self.undo = []

    def make(self):
        for bucket in (self.trail, self.lake):
            self.bucket(bucket)
        self.dead = self.queue("dead")
        redrive = {"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": RECEIVES_MAX}
        # Hidden for a short time: what fails comes back while we look.
        self.feed = self.queue("feed", RedrivePolicy=json.dumps(redrive), VisibilityTimeout="10")
        self.let(self.feed, "s3.amazonaws.com", f"arn:{self.cloud.partition}:s3:::{self.trail}")
        self.topic, self.heard = self.topic_and_listener("pages")
        self.fifo, self.heard_in_order = self.topic_and_listener("pages.fifo", FifoTopic="true")
        self.announce()

    def announce(self):
        """Has the bucket announce its files. S3 tries the queue at once, whose policy takes a while to be known everywhere."""
        queue = {"QueueArn": self.arn(self.feed), "Events": ["s3:ObjectCreated:*"]}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.s3.put_bucket_notification_configuration(
                    Bucket=self.trail, NotificationConfiguration={"QueueConfigurations": [queue]}
                )
                return
            except self.s3.exceptions.ClientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def bucket(self, name):
        # us-east-1 is the one region that may not be named.
        place = {"CreateBucketConfiguration": {"LocationConstraint": self.cloud.region}}
        self.s3.create_bucket(Bucket=name, **({} if self.cloud.region == "us-east-1" else place))
        self.undo.append((f"bucket {name}", lambda: self.empty_and_delete(name)))

    def empty_and_delete(self, bucket):
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
            if keys:
                self.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        self.s3.delete_bucket(Bucket=bucket)

    def queue(self, part, **attributes):
        url = self.sqs.create_queue(QueueName=f"{self.name}-{part}", Attributes=attributes)["QueueUrl"]
        self.undo.append((f"queue {url}", lambda: self.sqs.delete_queue(QueueUrl=url)))
        return url

    def topic_and_listener(self, part, **attributes):
        topic = self.sns.create_topic(Name=f"{self.name}-{part}", Attributes=attributes)["TopicArn"]
        self.undo.append((f"topic {topic}", lambda: self.sns.delete_topic(TopicArn=topic)))
        fifo = {"FifoQueue": "true"} if attributes else {}
        url = self.queue(f"heard-{part}", **fifo)
        self.let(url, "sns.amazonaws.com", topic)
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn(url))
        return topic, url

    def let(self, queue, service, source):
        """Lets one service send to a queue, for one source."""
        statement = {
            "Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
            "Resource": self.arn(queue), "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})

    def arn(self, queue):
        reply = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return reply["Attributes"]["QueueArn"]

    def remove(self):
        """Takes away what was made, the last first; says what is left, and whether nothing is."""
        left = 0
        for what, how in reversed(self.undo):
            try:
                how()
            except Exception as error:  # The others are still taken away.
                left += 1
                print(f"left behind: {what}: {error}", file=sys.stderr)
        return left == 0

    def put(self, records):
        """A log file with these records, under a key as CloudTrail writes it."""
        day = time.strftime("%Y/%m/%d", time.gmtime())
        account, region = self.cloud.account, self.cloud.region
        key = (
            f"AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_"
            f"{time.strftime('%Y%m%dT%H%MZ', time.gmtime())}_{uuid.uuid4().hex[:16]}.json.gz"
        )
        self.s3.put_object(Bucket=self.trail, Key=key, Body=gzip.compress(json.dumps({"Records": records}).encode()))

    def read(self, role, secret):
        """A read of a secret, now."""
        arn = f"arn:{self.cloud.partition}:iam::{self.cloud.account}:role/{role}"
        return record(arn, secret, str(uuid.uuid4()), time.time(), self.cloud.account, self.cloud.region)

    def bodies(self, url):
        """Message bodies of a queue, until it was empty twice."""
        found, empty = [], 0
        while empty < 2:
            messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
            empty = 0 if messages else empty + 1
            for message in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found


class Program:
    """The built program, with a policy, against a trial's queue and lake."""

    def __init__(self, binary, trial, folder):
        self.binary, self.trial = binary, trial
        self.policy = Path(folder, "policy.toml")
        reader = f"arn:{trial.cloud.partition}:iam::{trial.cloud.account}:role/{READER}"
        self.started = []
        self.policy.write_text(f'[[secrets]]\nmatch = "trial/*"\nsensitivity = "high"\nreaders = ["{reader}"]\n')
        self.uri = f"s3://{trial.lake}/lake"

    def start(self, *arguments):
        self.started.append(
            subprocess.Popen(
                [self.binary, *arguments], env=self.trial.cloud.environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )
        return self.started[-1]

    def stop(self):
        """Ends what still runs, so that nobody writes into what is taken away."""
        for process in self.started:
            process.kill()
            process.wait()

    def run(self, *arguments):
        return self.ended(self.start(*arguments))

    def ended(self, process):
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        expect(process.returncode == 0, f"exit {process.returncode}: {err[-2000:]}")
        return out

    def worker(self, *more, publish=None):
        return self.start(
            "worker", "--queue", self.trial.feed, "--lake", self.uri, "--publish", publish or self.trial.topic,
            "--policy", str(self.policy), "--visibility-seconds", "10", "--once", *more,
        )

    def count(self, of):
        rows = self.run("sql", f"SELECT count(*) AS n FROM {of}", "--lake", self.uri, "--format", "json")
        return json.loads(rows)["n"]

    def drain(self, until, **how):
        """Runs the worker until a condition holds: announcements take their time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.ended(self.worker(**how))
            if until():
                return
            expect(time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s")


def facts(trial, program):
    """The facts, in order: each builds on the one before."""
    story = {}

    def what_the_trial_needs_is_made():
        trial.make()

    def a_log_file_becomes_a_page():
        story["first"] = [trial.read("Trial-Stranger", "trial/db")]
        trial.put(story["first"])
        program.drain(lambda: program.count("events") == 1)
        heard = trial.bodies(trial.heard)
        expect(len(heard) == 1, f"{len(heard)} pages")
        page = json.loads(heard[0])
        told = page["Subject"] + page["Message"]
        expect("trial/db" in told and "Trial-Stranger" in told, f"the page says {told}")

    def the_same_record_again_is_stored_once_and_pages_nobody():
        trial.put(story["first"])
        program.drain(lambda: program.count("sources") == 2)
        expect(program.count("events") == 1, "stored twice")
        expect(not trial.bodies(trial.heard), "paged again")

    def workers_that_share_queue_and_lake_store_everything_once():
        for _ in range(FILES):
            trial.put([trial.read(READER, f"trial/service-{number % 7}") for number in range(FILE_RECORDS)])
        deadline, wanted = time.monotonic() + PATIENCE_SECONDS, 1 + FILES * FILE_RECORDS
        while program.count("events") < wanted:
            expect(time.monotonic() < deadline, f"{program.count('events')} of {wanted} events")
            # Each commit goes by a conditional put; whoever loses the race must neither lose nor double.
            workers = [program.worker("--only", "ingest") for _ in range(WORKERS)]
            for worker in workers:
                program.ended(worker)
        distinct = program.count("(SELECT DISTINCT event_id FROM events)")
        expect((program.count("events"), distinct) == (wanted, wanted), f"{program.count('events')} rows, {distinct} events")

    def a_fifo_topic_hears_too():
        trial.put([trial.read("Trial-Other-Stranger", "trial/db")])
        wanted = 2 + FILES * FILE_RECORDS
        program.drain(lambda: program.count("events") == wanted, publish=trial.fifo)
        heard = trial.bodies(trial.heard_in_order)
        expect(any("Trial-Other-Stranger" in body for body in heard), f"heard {heard}")

    def a_body_of_no_known_kind_ends_among_the_dead():
        trial.sqs.send_message(QueueUrl=trial.feed, MessageBody="no body that anybody sends")
        dead = []
        program.drain(lambda: dead.extend(trial.bodies(trial.dead)) or dead)
        expect(dead == ["no body that anybody sends"], f"the dead are {dead}")

    def the_lake_is_compacted_and_says_the_same():
        before = program.count("events")
        program.run("lake", "compact", "--lake", program.uri)
        program.run("lake", "vacuum", "--lake", program.uri)
        expect(program.count("events") == before, f"{program.count('events')} of {before} events")

    return [
        what_the_trial_needs_is_made, a_log_file_becomes_a_page, the_same_record_again_is_stored_once_and_pages_nobody,
        workers_that_share_queue_and_lake_store_everything_once, a_fifo_topic_hears_too,
        a_body_of_no_known_kind_ends_among_the_dead, the_lake_is_compacted_and_says_the_same,
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--account", help="the account that the credentials at hand must be of")
    where.add_argument("--emulator", action="store_true", help="MiniStack instead: tries the script")
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    parser.add_argument("--binary", default=f"{target}/release/snowtrail")
    options = parser.parse_args()
    if not Path(options.binary).exists():
        sys.exit(f"no program at {options.binary}: build it with `cargo build --release --locked`, or name it with --binary")
    cloud = Emulated() if options.emulator else Cloud(options.account)
    trial = Trial(cloud)
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.binary, trial, folder)
        # So that what was made is taken away also where this is told to end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            status = tell(facts(trial, program))
        finally:
            program.stop()
            is_clean = trial.remove()
            cloud.stop()
        return status if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
