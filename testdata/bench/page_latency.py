#!/usr/bin/env python3
"""Page latency, throughput, memory and idle CPU of `snowtrail worker` against the emulator, in one run on one machine.

    testdata/bench/page_latency.py [--seconds 60] [--rates 1,100,1000] [--soak-minutes 0] [--binary target/release/snowtrail]

Starts the emulator and one worker, sends a background of ordinary reads at each rate (as EventBridge events up to 10 a
second, beyond that as log files of 100 records with S3 notifications) and one probe a second: a stranger's read of a
secret of its own, which must become a page. Latency is from the probe's SendMessage to its page at a queue subscribed to
the topic. Beside it stands the emulator's own time for the same two hops, measured in the same seconds: SQS send to
receive, and SNS publish to the subscribed queue.

Prints a table in Markdown. Needs only what `testdata/peers/install.sh` installs; runs itself with that Python.
"""

import argparse
import gzip
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ACCOUNT = "111122223333"
REGION = "us-west-2"
READER = f"arn:aws:iam::{ACCOUNT}:role/Blizzard-Checkout-TaskRole"
FILE_RECORDS = 100

POLICY = f"""
[organization]
accounts = ["{ACCOUNT}"]

[[secrets]]
match = "prod/*"
sensitivity = "high"
readers = ["{READER}"]
"""


def peers_python():
    script = ROOT / "testdata/peers/install.sh"
    executable = subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip()
    return pathlib.Path(executable)


def rerun_with_boto3(emulator):
    python = emulator.parent / "python"
    if "SNOWTRAIL_BENCH_INNER" not in os.environ:
        env = dict(os.environ, SNOWTRAIL_BENCH_INNER="1")
        os.execve(python, [str(python), *sys.argv], env)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_emulator(executable):
    port = free_port()
    env = dict(os.environ, BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port))
    child = subprocess.Popen([executable], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1)
            return child, endpoint
        except OSError:
            time.sleep(0.05)
    sys.exit("the emulator did not start")


def record(role, secret, event_id, at, account=ACCOUNT, region=REGION):
    """A read of a secret by a task of a role, whose ARN says the partition."""
    name, partition = role.rsplit("/", 1)[-1], role.split(":")[1]
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": f"AROAEXAMPLE:{name}",
            "arn": f"arn:{partition}:sts::{account}:assumed-role/{name}/task", "accountId": account, "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": role,
                                                 "accountId": account, "userName": name}},
        },
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue", "awsRegion": region,
        "sourceIPAddress": "10.0.3.7", "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": {"secretId": f"arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}-AbCdEf"},
        "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": event_id, "readOnly": True,
        "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": account, "eventCategory": "Management",
    }


def event_bridge(detail):
    return json.dumps({"version": "0", "id": str(uuid.uuid4()), "detail-type": "AWS API Call via CloudTrail",
                       "source": "aws.secretsmanager", "account": ACCOUNT, "time": detail["eventTime"],
                       "region": REGION, "resources": [], "detail": detail})


class Stage:
    def __init__(self, endpoint):
        import boto3
        from botocore.config import Config
        account = str(100000000000 + os.getpid())
        self.env = dict(os.environ, AWS_ENDPOINT_URL=endpoint, AWS_ACCESS_KEY_ID=account, AWS_SECRET_ACCESS_KEY="any",
                        AWS_REGION=REGION)
        make = lambda service: boto3.client(
            service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=account, aws_secret_access_key="any",
            config=Config(max_pool_connections=50, s3={"addressing_style": "path"}))
        self.s3, self.sqs, self.sns = make("s3"), make("sqs"), make("sns")
        self.trail, self.lake = f"trail-{account}", f"lake-{account}"
        for bucket in (self.trail, self.lake):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.queue, self.heard, self.echo = (self.make_queue(n) for n in ("feed", "heard", "echo"))
        self.topic = self.sns.create_topic(Name="pages")["TopicArn"]
        self.control = self.sns.create_topic(Name="control")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.arn(self.heard))
        self.sns.subscribe(TopicArn=self.control, Protocol="sqs", Endpoint=self.arn(self.echo))
        self.s3.put_bucket_notification_configuration(Bucket=self.trail, NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": self.arn(self.queue), "Events": ["s3:ObjectCreated:*"]}]})

    def make_queue(self, name):
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def arn(self, queue):
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def depth(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(int(v) for v in self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"].values())


class Listener(threading.Thread):
    """Takes messages off a queue and notes when each mark was first seen."""

    def __init__(self, stage, queue, mark):
        super().__init__(daemon=True)
        self.stage, self.queue, self.mark, self.seen, self.running = stage, queue, mark, {}, True
        self.start()

    def run(self):
        while self.running:
            messages = self.stage.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            now = time.perf_counter()
            for message in messages.get("Messages", []):
                for found in self.mark.findall(message["Body"]):
                    self.seen.setdefault(found, now)
                self.stage.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])


def percentiles(values):
    values = sorted(values)
    if not values:
        return None, None
    at = lambda share: values[min(len(values) - 1, int(share * len(values)))]
    return at(0.50), at(0.99)


def background(stage, rate, stop):
    """Ordinary reads at a rate a second, until stopped."""
    sent, started, number = 0, time.perf_counter(), 0
    while not stop.is_set():
        due = int((time.perf_counter() - started) * rate)
        if due <= sent:
            time.sleep(0.005)
            continue
        secret = lambda n: f"prod/service-{n % 40}/db"
        if rate <= 10:
            detail = record(READER, secret(number), str(uuid.uuid4()), time.time())
            stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=event_bridge(detail))
            sent, number = sent + 1, number + 1
        else:
            put_file(stage, number, FILE_RECORDS)
            sent, number = sent + FILE_RECORDS, number + 1


def put_file(stage, number, records):
    body = {"Records": [record(READER, f"prod/service-{n % 40}/db", str(uuid.uuid4()), time.time()) for n in range(records)]}
    key = (f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/01/01/{ACCOUNT}_CloudTrail_{REGION}_20260101T0000Z_"
           f"{uuid.uuid4().hex[:16]}.json.gz")
    stage.s3.put_object(Bucket=stage.trail, Key=key, Body=gzip.compress(json.dumps(body).encode(), 1))


def memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def explain(stage, binary, probe):
    """What the lake knows of a probe whose page was not heard."""
    for query in (f"SELECT event_time, ingested_at FROM events WHERE targets[1]['name'] = 'prod/probe-{probe}'",
                  f"SELECT key, state, revision, found_at FROM findings_history WHERE secret_name = 'prod/probe-{probe}'",
                  f"SELECT kind, state, subject, sent_at, cardinality(finding_keys) AS findings FROM pages "
                  f"WHERE array_to_string(finding_keys, ' ') LIKE '%{probe}%'"):
        said = subprocess.run([binary, "sql", query, "--lake", f"s3://{stage.lake}/prod", "--format", "json"],
                              env=stage.env, capture_output=True, text=True)
        print(f"no page heard for probe {probe}: {said.stdout.strip() or said.stderr.strip() or 'no row'}", file=sys.stderr)


def run_rate(stage, worker, binary, rate, seconds):
    pages = Listener(stage, stage.heard, re.compile(r"prod/probe-([0-9a-f]{12})"))
    echoes = Listener(stage, stage.echo, re.compile(r"control-([0-9a-f]{12})"))
    stop = threading.Event()
    load = threading.Thread(target=background, args=(stage, rate, stop), daemon=True)
    load.start()
    sent, control = {}, {}
    for _ in range(seconds):
        began = time.perf_counter()
        probe = uuid.uuid4().hex[:12]
        role = f"arn:aws:iam::{ACCOUNT}:role/Stranger-{probe}"
        body = event_bridge(record(role, f"prod/probe-{probe}", str(uuid.uuid4()), time.time()))
        sent[probe] = time.perf_counter()
        stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=body)
        control[probe] = time.perf_counter()
        stage.sns.publish(TopicArn=stage.control, Message=f"control-{probe}")
        time.sleep(max(0.0, 1.0 - (time.perf_counter() - began)))
    stop.set()
    until = time.perf_counter() + 60
    while len(pages.seen) < len(sent) and time.perf_counter() < until:
        time.sleep(0.1)
    for listener in (pages, echoes):
        # One that still waits would take the next rate's pages.
        listener.running = False
        listener.join()
    latencies = [pages.seen[p] - at for p, at in sent.items() if p in pages.seen]
    own = [echoes.seen[p] - at for p, at in control.items() if p in echoes.seen]
    for probe in sorted(set(sent) - set(pages.seen)):
        explain(stage, binary, probe)
    (p50, p99), (own50, own99) = percentiles(latencies), percentiles(own)
    show = lambda v: "–" if v is None else f"{v * 1000:.0f}"
    print(f"| {rate} | {show(p50)} | {show(p99)} | {show(own50)} | {show(own99)} | {len(latencies)} of {len(sent)} "
          f"| {memory(worker.pid):.0f} |", flush=True)


def throughput(stage, worker, files, records):
    # It sleeps while they are put: else it takes part of them in before the time is taken.
    worker.send_signal(signal.SIGSTOP)
    try:
        for number in range(files):
            put_file(stage, number, records)
    finally:
        worker.send_signal(signal.SIGCONT)
    started = time.perf_counter()
    while stage.depth() > 0:
        time.sleep(0.1)
    return files / (time.perf_counter() - started)


def start_worker(stage, binary, folder, *extra):
    policy = pathlib.Path(folder, "policy.toml")
    policy.write_text(POLICY)
    command = [binary, "worker", "--queue", stage.queue, "--lake", f"s3://{stage.lake}/prod", "--publish", stage.topic,
               "--policy", str(policy), *extra]
    log = open(pathlib.Path(folder, "worker.log"), "w")
    return subprocess.Popen(command, env=stage.env, stdout=subprocess.DEVNULL, stderr=log)


def soak(stage, worker, minutes):
    stop = threading.Event()
    threading.Thread(target=background, args=(stage, 100, stop), daemon=True).start()
    print(f"\nResident memory over {minutes} minutes at 100 events a second, MiB, one figure a minute:", flush=True)
    figures = []
    for _ in range(minutes):
        time.sleep(60)
        figures.append(memory(worker.pid))
        print(f"{figures[-1]:.0f}", end=" ", flush=True)
    stop.set()
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="length of each rate's run")
    parser.add_argument("--rates", default="1,100,1000", help="events a second")
    parser.add_argument("--soak-minutes", type=int, default=0, help="then watch memory for so long")
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    parser.add_argument("--binary", default=f"{target}/release/snowtrail")
    options = parser.parse_args()
    emulator_executable = peers_python()
    rerun_with_boto3(emulator_executable)
    emulator, endpoint = start_emulator(emulator_executable)
    try:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(endpoint)
            worker = start_worker(stage, options.binary, folder)
            time.sleep(5)
            before = cpu(worker.pid)
            time.sleep(20)
            print(f"idle: {(cpu(worker.pid) - before) / 20 * 100:.1f} % of one core, {memory(worker.pid):.0f} MiB\n")
            print("| events a second | page p50, ms | page p99, ms | emulator's own p50 | own p99 | probes paged | MiB |")
            print("|---|---|---|---|---|---|---|", flush=True)
            for rate in options.rates.split(","):
                run_rate(stage, worker, options.binary, int(rate), options.seconds)
            rate = throughput(stage, worker, 1000, FILE_RECORDS)
            print(f"\nsustained: {rate:.0f} log files of {FILE_RECORDS} records a second, {rate * FILE_RECORDS:.0f} records")
            if options.soak_minutes:
                soak(stage, worker, options.soak_minutes)
            worker.send_signal(signal.SIGTERM)
            asked = time.perf_counter()
            worker.wait(30)
            print(f"stopped in {time.perf_counter() - asked:.1f} s with status {worker.returncode}")
    finally:
        emulator.kill()


if __name__ == "__main__":
    main()
