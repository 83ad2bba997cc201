"""Proves what deploy/snowtrail.yaml promises: by reading it, and by deploying it in an emulator.

    python3 deploy/test/template.py                  # the whole of it, in MiniStack
    python3 deploy/test/template.py --peer moto      # in moto, which has other gaps: it knows trails and runs the rules

Installs what it needs by testdata/peers/install.sh. The last line is `N passed, N failed`; exit 1 if one failed. An
emulator checks shapes, not permissions: no emulator here enforces a policy, so policies are judged by reading.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "snowtrail.yaml"
INSTALL = ROOT / "testdata" / "peers" / "install.sh"


def installed(peer):
    """Path of a peer's executable; installs it where it is missing."""
    done = subprocess.run([INSTALL, "--peer", peer], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return Path(done.stdout.strip())


if not os.environ.get("SNOWTRAIL_TEST_RESTARTED"):
    # Always the emulator's interpreter, whatever this one has: there boto3 is of the emulator's own release.
    os.environ["SNOWTRAIL_TEST_RESTARTED"] = "1"
    python = installed("ministack").parent / "python"
    os.execv(python, [python, *sys.argv])

import boto3  # noqa: E402
import yaml  # noqa: E402

try:
    import tomllib
except ImportError:  # Python 3.10
    tomllib = None

# What the worker emits, and nothing else: an alarm on another name would never ring, and nobody would notice.
METRICS = {
    "Snowtrail": set(re.findall(r'^    \("(\w+)", Unit::', (ROOT / "crates/snowtrail/src/telemetry.rs").read_text(), re.M)),
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
}
OUTPUTS = {
    "QueueUrl": r"http\S+/snowtrail-feed",
    "QueueArn": r"arn:aws:sqs:us-west-2:\d{12}:snowtrail-feed",
    "DeadLetterQueueUrl": r"http\S+/snowtrail-dead",
    "DeadLetterQueueArn": r"arn:aws:sqs:us-west-2:\d{12}:snowtrail-dead",
    "UndeliveredQueueUrl": r"http\S+/snowtrail-undelivered",
    "TopicArn": r"arn:aws:sns:us-west-2:\d{12}:snowtrail-pages",
    "AlarmsTopicArn": r"arn:aws:sns:us-west-2:\d{12}:snowtrail-alarms",
    "LakeUri": r"s3://snowtrail-lake-\d{12}-us-west-2/lake",
    "TrailBucket": r"snowtrail-trail-\d{12}-us-west-2",
    "TaskRoleArn": r"arn:aws:iam::\d{12}:role/\S+",
    "ClusterName": r"snowtrail",
    "BatchTaskDefinitionArn": r"arn:aws:ecs:us-west-2:\d{12}:task-definition/snowtrail-batch:\d+",
    "SecurityGroupId": r"sg-\w+",
    "LogGroupName": r"/snowtrail/snowtrail",
    "ProtectList": r'\["arn:aws:s3:::\S+", "arn:aws:s3:::\S+", "arn:aws:sqs:\S+", "arn:aws:sqs:\S+", "arn:aws:sns:\S+"\]',
}
TEMPLATE_BYTES_MAX = 51_200  # CloudFormation's limit for a template that is not in a bucket
ROLE_CHARS_MAX = 10_240  # IAM's limit for the policies inside a role
PATTERN_CHARS_MAX = 2_048  # EventBridge's limit for a pattern


# ---- Reading the template --------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as the long ones."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)
template = yaml.load(TEMPLATE.read_text(), Loader)
resources = template["Resources"]
operator = json.loads((ROOT / "deploy" / "operator-policy.json").read_text())


def of_type(name):
    return {key: value for key, value in resources.items() if value["Type"] == name}


def branches(value):
    """A list with every branch of its `Fn::If`s, and whether each entry is there in any case."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and "Fn::If" in entry:
            for branch in entry["Fn::If"][1:]:
                if branch != {"Ref": "AWS::NoValue"}:
                    yield branch, False
        else:
            yield entry, True


def statements(document):
    return [statement for statement, _ in branches(document["Statement"])]


def listed(value):
    return value if isinstance(value, list) else [value]


def text(value):
    return json.dumps(value, sort_keys=True)


def role_statements():
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            for statement, always in branches(policy["PolicyDocument"]["Statement"]):
                yield name, statement, always


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


# ---- Facts that reading proves ---------------------------------------------------------------------------------------


def facts_of_any(path):
    """What holds of any template: it lints, fits into a call, and explains its parameters."""

    def the_linter_has_nothing_to_say():
        done = subprocess.run([installed("lint"), path], capture_output=True, text=True)
        expect(done.returncode == 0, done.stdout + done.stderr)

    def the_template_is_taken_without_a_bucket():
        size = len(path.read_bytes())
        expect(size <= TEMPLATE_BYTES_MAX, f"{size} bytes, and {TEMPLATE_BYTES_MAX} are the limit")

    def every_parameter_is_described_and_used():
        body = path.read_text()
        for name, parameter in yaml.load(body, Loader)["Parameters"].items():
            expect(parameter.get("Description"), f"{name} has no description")
            expect(re.search(rf"!Ref {name}\b|\$\{{{name}\}}", body), f"{name} is used nowhere")

    return [the_linter_has_nothing_to_say, the_template_is_taken_without_a_bucket, every_parameter_is_described_and_used]


def the_task_can_read_no_secret():
    denied, decrypts = set(), []
    for role, statement, always in role_statements():
        if role == "TaskRole" and statement["Effect"] == "Deny":
            expect(always, f"{statement['Sid']} depends on a condition of the template")
            expect(statement["Resource"] == "*", f"{statement['Sid']} spares some resource")
            if "Condition" in statement:
                decrypts.append(statement)
            else:
                denied.update(listed(statement["Action"]))
    wanted = {"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParameter*"}
    expect(wanted <= denied, f"not denied: {wanted - denied}")
    expect(len(decrypts) == 1 and "kms:Decrypt" in decrypts[0]["Action"], "no denial of Decrypt")
    keys = decrypts[0]["Condition"]["ForAnyValue:StringEqualsIgnoreCase"]["kms:EncryptionContextKeys"]
    expect(set(keys) == {"SecretARN", "PARAMETER_ARN"}, f"Decrypt is denied for {keys}")


def nothing_is_allowed_by_wildcard():
    for role, statement, _ in role_statements():
        if statement["Effect"] != "Allow":
            continue
        for action in listed(statement["Action"]):
            expect("*" not in action, f"{role} may {action}")
        # A registry login knows no resource.
        if statement["Resource"] == "*":
            expect(statement["Action"] == "ecr:GetAuthorizationToken", f"{role}: {statement['Sid']} on everything")


def the_task_may_do_what_the_worker_does_and_no_more():
    allowed = {}
    for role, statement, _ in role_statements():
        if role == "TaskRole" and statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                allowed.setdefault(action, []).append(text(statement["Resource"]))
    wanted = {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes",
        "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject",
        "s3:ListBucket", "sns:Publish", "kms:Decrypt", "kms:GenerateDataKey",
    }
    expect(set(allowed) == wanted, f"more: {set(allowed) - wanted}, missing: {wanted - set(allowed)}")
    expect(all("_delta_log/*" in where for where in allowed["s3:DeleteObject"]), "it may delete more than log entries")
    expect(all("LakeBucket" in where for where in allowed["s3:PutObject"]), "it may write outside its lake")
    trail = [where for where in allowed["s3:GetObject"] if "Trail" in where]
    expect(len(trail) == 1 and "AWSLogs" in trail[0], f"it reads more of the trail's bucket than the logs: {trail}")


def the_operator_can_read_no_secret_either():
    denials = {text(statement) for role, statement, _ in role_statements() if role == "TaskRole" and statement["Effect"] == "Deny"}
    theirs = {text(statement) for statement in operator["Statement"] if statement["Effect"] == "Deny"}
    expect(theirs == denials, f"the operator's denials are not the task's: {theirs ^ denials}")


def the_operator_may_look_and_change_no_event():
    # Of these IAM knows no resource, or so much as doctor has to ask before it knows the trail.
    everywhere = {"cloudtrail:DescribeTrails", "cloudtrail:ListPublicKeys", "cloudwatch:GetMetricStatistics"}
    for statement in operator["Statement"]:
        if statement["Effect"] == "Allow":
            actions = set(listed(statement["Action"]))
            expect(not any("*" in action for action in actions), f"{statement['Sid']} allows by wildcard")
            expect(statement["Resource"] != "*" or actions <= everywhere, f"{statement['Sid']} on everything")
            for where in listed(statement["Resource"]):
                writes = actions & {"s3:PutObject", "s3:DeleteObject"}
                kept = re.search(r"/lake/(_snowtrail_writable$|findings/|pages/|verifications/)", where)
                expect(not writes or kept, f"{statement['Sid']} may write {where}")
                expect("s3:DeleteObject" not in actions or "/_delta_log/" in where, f"{statement['Sid']} may delete {where}")
    expect(len(text(operator)) < ROLE_CHARS_MAX, "too long for a role")


def the_operator_may_ask_what_doctor_asks():
    # Whatever it may not see, it names the action that would let it.
    named = r"\b(?:sqs|sns|s3|cloudtrail|cloudwatch):(?:Get|List|Describe|Publish|Put)\w*"
    files = (ROOT / "crates/snowtrail/src/commands/doctor").glob("*.rs")
    wanted = {action for file in files for action in re.findall(named, file.read_text())}
    expect(len(wanted) >= 8, f"doctor asks for {wanted} only")
    allowed = {a for s in operator["Statement"] if s["Effect"] == "Allow" for a in listed(s["Action"])}
    expect(wanted <= allowed, f"the operator may not {wanted - allowed}")


def keys_are_used_only_through_a_service():
    for role, statement, _ in role_statements():
        if statement["Effect"] == "Allow" and any(a.startswith("kms:") for a in listed(statement["Action"])):
            expect("kms:ViaService" in text(statement.get("Condition")), f"{role}: {statement['Sid']}")
            expect(statement["Resource"] != "*", f"{role}: {statement['Sid']} on every key")


def every_bucket_queue_and_topic_refuses_plain_http():
    kinds = {
        "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
        "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
        "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
    }
    for kind, (policy_kind, key) in kinds.items():
        for name in of_type(kind):
            found = [
                statement
                for policy in of_type(policy_kind).values()
                if {"Ref": name} in listed(policy["Properties"][key])
                for statement in statements(policy["Properties"]["PolicyDocument"])
                if statement["Effect"] == "Deny"
                and statement["Principal"] == "*"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                and name in text(statement["Resource"])
            ]
            expect(found, f"{name} takes plain HTTP")


def only_named_sources_send_to_queues_and_topics():
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for name, policy in of_type(kind).items():
            for statement in statements(policy["Properties"]["PolicyDocument"]):
                if statement["Effect"] == "Allow" and "Service" in statement["Principal"]:
                    expect("aws:SourceArn" in text(statement.get("Condition")), f"{name}: {statement['Sid']} for anybody")
                elif statement["Effect"] == "Allow":
                    expect("Arn" in text(statement["Principal"]), f"{name}: {statement['Sid']} for anybody")


def dead_letters_outlive_the_feed():
    feed, dead = (resources[name]["Properties"] for name in ("FeedQueue", "DeadLetterQueue"))
    # A dead letter keeps the time at which it was first sent.
    expect(dead["MessageRetentionPeriod"] > feed["MessageRetentionPeriod"], "a dead letter may die on arrival")
    expect(feed["RedrivePolicy"]["maxReceiveCount"] == 5, "another number of receives")
    for name, queue in of_type("AWS::SQS::Queue").items():
        expect(queue["Properties"].get("SqsManagedSseEnabled") is True, f"{name} is not encrypted")


def buckets_are_private_versioned_encrypted_and_outlive_the_stack():
    for name, bucket in of_type("AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        expect(bucket.get("DeletionPolicy") == bucket.get("UpdateReplacePolicy") == "Retain", f"{name} goes with the stack")
        expect(properties["VersioningConfiguration"]["Status"] == "Enabled", f"{name} keeps no versions")
        expect(len(properties["PublicAccessBlockConfiguration"]) == 4, f"{name} may become public")
        expect(all(properties["PublicAccessBlockConfiguration"].values()), f"{name} may become public")
        expect("BucketEncryption" in properties, f"{name} is not encrypted")
        for rule in properties["LifecycleConfiguration"]["Rules"]:
            is_scratch = rule.get("Prefix") == {"Fn::Sub": "${LakePrefix}/cluster/"}
            expect("ExpirationInDays" not in rule or is_scratch, f"{name} loses current files by age")


def every_alarm_watches_a_metric_that_exists():
    alarms = of_type("AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        properties = alarm["Properties"]
        space, metric = properties["Namespace"], properties["MetricName"]
        expect(metric in METRICS.get(space, ()), f"{name} watches {space} {metric}, which nobody emits")
        dimension = "Lake" if space == "Snowtrail" else "QueueName"
        expect([d["Name"] for d in properties["Dimensions"]] == [dimension], f"{name} has other dimensions")
        expect(properties["AlarmActions"] == [{"Ref": "AlarmsTopic"}], f"{name} tells nobody")
        expect(properties.get("AlarmDescription"), f"{name} says nothing")
    watched = {alarm["Properties"]["MetricName"] for alarm in alarms.values()}
    wanted = {"StoredLagMs", "Heartbeat", "RuleMs", "BooksUnbalanced", "PagesFailed"} | METRICS["AWS/SQS"]
    expect(wanted <= watched, f"no alarm on {wanted - watched}")
    for name in ("SilenceAlarm", "RulesAlarm"):
        expect(alarms[name]["Properties"]["TreatMissingData"] == "breaching", f"{name} takes silence for peace")


def lake_metrics_and_tasks_name_the_same_lake():
    uri = text(template["Outputs"]["LakeUri"]["Value"])
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        for dimension in alarm["Properties"]["Dimensions"]:
            expect(dimension["Name"] != "Lake" or text(dimension["Value"]) == uri, f"{name} watches another lake")
    for name, task in of_type("AWS::ECS::TaskDefinition").items():
        expect(environment(task)["SNOWTRAIL_LAKE"] == uri, f"{name} writes another lake")


def environment(task):
    (container,) = task["Properties"]["ContainerDefinitions"]
    return {entry["Name"]: text(entry["Value"]) for entry, _ in branches(container["Environment"])}


def the_three_tasks_differ_only_where_they_must():
    tasks = of_type("AWS::ECS::TaskDefinition")
    expect(len(tasks) == 3, f"{len(tasks)} task definitions")
    plain = {}
    for name, task in tasks.items():
        copy = json.loads(text(task["Properties"]))
        (container,) = copy["ContainerDefinitions"]
        del copy["Family"], container["Command"], container["LogConfiguration"]["Options"]["awslogs-stream-prefix"]
        container.pop("HealthCheck", None)
        container["Environment"] = {
            key: value
            for key, value in environment(task).items()
            if key not in ("SNOWTRAIL_ONLY", "SNOWTRAIL_HEALTH")
        }
        plain[name] = text(copy)
    expect(len(set(plain.values())) == 1, "they differ in more than command, health check and role")


def every_variable_of_the_tasks_is_one_that_the_program_reads():
    known = set(re.findall(r'env = "(SNOWTRAIL_\w+)"', (ROOT / "crates/snowtrail/src/cli.rs").read_text()))
    for name, task in of_type("AWS::ECS::TaskDefinition").items():
        unknown = {key for key in environment(task) if key.startswith("SNOWTRAIL_")} - known
        expect(not unknown, f"{name} sets {unknown}, which nothing reads")


def tasks_run_unprivileged_and_have_time_to_leave():
    for name, task in of_type("AWS::ECS::TaskDefinition").items():
        (container,) = task["Properties"]["ContainerDefinitions"]
        expect(container["StopTimeout"] >= 30, f"{name} is killed while it still settles messages")
        expect(container["ReadonlyRootFilesystem"] is True, f"{name} may write to its image")
        expect(container["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"], f"{name} keeps capabilities")
    for name, service in of_type("AWS::ECS::Service").items():
        breaker = service["Properties"]["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
        expect(breaker == {"Enable": True, "Rollback": True}, f"{name} keeps trying a broken image")


def feed_rules():
    return {name: rule["Properties"] for name, rule in of_type("AWS::Events::Rule").items() if "Condition" in rule}


def the_rules_carry_every_call_that_is_kept():
    expect(tomllib, "needs Python 3.11 to read scope.toml")
    scope = tomllib.loads((ROOT / "crates/trail/src/scope.toml").read_text())
    carried = {}
    for rule in feed_rules().values():
        for source in rule["EventPattern"]["source"]:
            carried[source] = rule["EventPattern"].get("detail", {}).get("eventName")
    for service in scope["services"]:
        source = "aws." + service["source"].split(".")[0]
        expect(source in carried, f"no rule carries {source}")
        names = carried[source]
        if names is None:
            continue
        prefixes = tuple(entry["prefix"] for entry in names if isinstance(entry, dict))
        for name in service["names"]:
            expect(name.rstrip("*").startswith(prefixes) or name in names, f"no rule carries {name} of {source}")


def reads_are_carried_too():
    reads = {"aws.secretsmanager", "aws.kms", "aws.ssm", "aws.sts"}
    for name, rule in feed_rules().items():
        if reads & set(rule["EventPattern"]["source"]):
            state = rule["State"]
            expect(state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", f"{name} is {state}: no GetSecretValue")


def the_rules_are_legal_and_their_failures_are_kept():
    for name, rule in feed_rules().items():
        size = len(json.dumps(rule["EventPattern"], separators=(",", ":")))
        expect(size <= PATTERN_CHARS_MAX, f"{name} has a pattern of {size} characters")
        for target in rule["Targets"]:
            expect("UndeliveredQueue" in text(target.get("DeadLetterConfig")), f"{name} drops what it cannot deliver")


def the_operators_page_explains_every_alarm_and_parameter():
    page = (ROOT / "deploy" / "README.md").read_text()
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        name = alarm["Properties"]["AlarmName"]["Fn::Sub"].replace("${NamePrefix}-", "")
        expect(re.search(rf"`{name}`", page), f"README.md does not explain the alarm `{name}`")
    for name in template["Parameters"]:
        expect(re.search(rf"\b{name}\b", page), f"README.md does not mention the parameter {name}")


# ---- Facts that a deployment proves ----------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    """An emulator of our own on a free port of the loopback."""

    def __init__(self, kind):
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        executable = installed(kind)
        settings = {"BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}
        command = [executable] if kind == "ministack" else [executable, "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                expect(self.process.poll() is None, f"{kind} ended with {self.process.returncode}")
                time.sleep(0.1)
        raise AssertionError(f"{kind} does not listen after 30 s")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-west-2",
            # On MiniStack an access key of twelve digits is an account.
            aws_access_key_id="111122223333",
            aws_secret_access_key="unused",
        )

    def deploy(self, stack, template=TEMPLATE, **parameters):
        """Deploys a template; the outputs. Fails with the events that say why."""
        ec2, cloudformation = self.client("ec2"), self.client("cloudformation")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{part}.0/24")["Subnet"]["SubnetId"] for part in (0, 1)
        ]
        given = {
            "Image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/snowtrail:test",
            "VpcId": vpc,
            "SubnetIds": ",".join(subnets),
            **parameters,
        }
        cloudformation.create_stack(
            StackName=stack,
            TemplateBody=template.read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        for _ in range(300):
            (state,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            if not state["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.1)
        if state["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            why = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
                for event in events
                if event["ResourceStatus"].endswith("FAILED")
            ]
            raise AssertionError(f"{state['StackStatus']}: {why}")
        return {output["OutputKey"]: output["OutputValue"] for output in state["Outputs"]}

    def bodies(self, url, wanted):
        """Message bodies from a queue, until as many as wanted came that are no test message of S3."""
        sqs, found = self.client("sqs"), []
        for _ in range(20):
            reply = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in reply.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if "s3:TestEvent" not in message["Body"]:
                    found.append(json.loads(message["Body"]))
            if len(found) >= wanted:
                break
        return found

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def deployment_facts(peer):
    """The facts, in order: each builds on the one before."""
    # What an emulator lacks is left out by a parameter, and only there: the default is the whole thing.
    lacks = {"CreateTrail": "no"} if peer.kind == "ministack" else {}
    state = {}

    def the_default_deploys():
        state.update(peer.deploy("snowtrail", Feed="both", AlarmsEmail="ops@example.com", **lacks))

    def every_output_is_there():
        for name, shape in OUTPUTS.items():
            expect(re.fullmatch(shape, state.get(name, "")), f"{name} is {state.get(name)!r}")

    def a_new_log_file_is_announced():
        key = "AWSLogs/111122223333/CloudTrail/us-west-2/2026/11/06/111122223333_CloudTrail_us-west-2_a.json.gz"
        s3 = peer.client("s3")
        for other in ("elsewhere/a.json.gz", "AWSLogs/111122223333/elasticloadbalancing/us-west-2/a.log"):
            s3.put_object(Bucket=state["TrailBucket"], Key=other, Body=b"")
        s3.put_object(Bucket=state["TrailBucket"], Key=key, Body=b"")
        found = [body["Records"][0]["s3"]["object"]["key"].replace("%2F", "/") for body in peer.bodies(state["QueueUrl"], 1)]
        expect(found == [key], f"the feed holds {found}")

    calls = {
        "aws.secretsmanager": ["GetSecretValue"],
        "aws.ssm": ["GetParametersByPath", "StartSession"],
        "aws.cloudtrail": ["StopLogging"],
        "aws.s3": ["PutBucketNotificationConfiguration", "ListBuckets"],
        "aws.iam": ["PutRolePolicy"],
        "aws.ec2": ["RunInstances"],
    }
    carried = {
        "GetSecretValue", "GetParametersByPath", "StopLogging", "PutBucketNotificationConfiguration", "PutRolePolicy",
    }

    def the_rules_match_these_calls_and_no_others():
        events, found = peer.client("events"), set()
        patterns = [
            events.describe_rule(Name=rule["Name"])["EventPattern"]
            for rule in events.list_rules(NamePrefix="snowtrail-")["Rules"]
        ]
        expect(len(patterns) == 5, f"{len(patterns)} rules")
        for source, names in calls.items():
            for name in names:
                event = {
                    "id": "1", "account": "111122223333", "region": "us-west-2", "time": "2026-11-06T11:00:15Z",
                    "source": source, "detail-type": "AWS API Call via CloudTrail", "resources": [],
                    "detail": {"eventSource": f"{source[4:]}.amazonaws.com", "eventName": name},
                }
                if any(events.test_event_pattern(EventPattern=p, Event=json.dumps(event))["Result"] for p in patterns):
                    found.add(name)
        expect(found == carried, f"{found}")

    def the_rules_hand_calls_to_the_feed():
        # MiniStack refuses a source that starts with `aws.`, as AWS does, and runs no rule in the long state.
        entries = [
            {
                "Source": source,
                "DetailType": "AWS API Call via CloudTrail",
                "Detail": json.dumps({"eventSource": f"{source[4:]}.amazonaws.com", "eventName": name}),
            }
            for source, names in calls.items()
            for name in names
        ]
        peer.client("events").put_events(Entries=entries)
        found = [body["detail"]["eventName"] for body in peer.bodies(state["QueueUrl"], len(carried))]
        expect(sorted(found) == sorted(carried), f"the feed holds {found}")

    def the_feed_gives_up_after_five_receives():
        sqs = peer.client("sqs")
        asked = sqs.get_queue_attributes(QueueUrl=state["QueueUrl"], AttributeNames=["All"])["Attributes"]
        redrive = json.loads(asked["RedrivePolicy"])
        expect(int(redrive["maxReceiveCount"]) == 5, f"{redrive}")
        expect(redrive["deadLetterTargetArn"] == state["DeadLetterQueueArn"], f"{redrive}")
        sqs.send_message(QueueUrl=state["QueueUrl"], MessageBody=json.dumps({"poison": True}))
        for _ in range(6):
            reply = sqs.receive_message(QueueUrl=state["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in reply.get("Messages", []):
                sqs.change_message_visibility(
                    QueueUrl=state["QueueUrl"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
        found = peer.bodies(state["DeadLetterQueueUrl"], 1)
        expect(found == [{"poison": True}], f"the dead letters are {found}")

    def the_lake_can_be_written_and_is_versioned():
        bucket, prefix = state["LakeUri"].removeprefix("s3://").split("/", 1)
        s3 = peer.client("s3")
        s3.put_object(Bucket=bucket, Key=f"{prefix}/events/_delta_log/0.json", Body=b"{}")
        expect(s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled", "no versions")

    def alarms_and_pages_have_somewhere_to_go():
        sns = peer.client("sns")
        sns.publish(TopicArn=state["TopicArn"], Subject="test", Message="test")
        (subscription,) = sns.list_subscriptions_by_topic(TopicArn=state["AlarmsTopicArn"])["Subscriptions"]
        expect(subscription["Endpoint"] == "ops@example.com", f"{subscription}")
        alarms = peer.client("cloudwatch").describe_alarms(AlarmNamePrefix="snowtrail-")["MetricAlarms"]
        expect(len(alarms) == len(of_type("AWS::CloudWatch::Alarm")), f"{len(alarms)} alarms")
        for alarm in alarms:
            expect(alarm["AlarmActions"] == [state["AlarmsTopicArn"]], f"{alarm['AlarmName']} tells nobody")

    def every_option_deploys():
        options = {
            "Feed": "events", "Tasks": "0", "BatchSchedule": "cron(0 * * * ? *)", "PolicyFile": "/etc/snowtrail/policy.toml",
            "TrailPrefix": "org", "LakeLockDays": "7", "PagesEmail": "oncall@example.com", "ClusterName": "snowtrail",
            "TrailKeyArn": "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
            "LakeKeyArn": "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
            "TopicKeyArn": "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
            "RouteTopicArns": "arn:aws:sns:us-west-2:111122223333:one,arn:aws:sns:us-west-2:111122223333:two",
        }
        peer.deploy("every-option", NamePrefix="options", **options, **lacks)

    def a_trail_that_exists_is_used():
        topic = peer.client("sns").create_topic(Name="their-trail")["TopicArn"]
        outputs = peer.deploy(
            "their-trail", NamePrefix="theirs", ClusterName="snowtrail", TrailBucketName="their-bucket", TrailTopicArn=topic
        )
        expect(outputs["TrailBucket"] == "their-bucket", outputs["TrailBucket"])
        peer.client("sns").publish(TopicArn=topic, Message=json.dumps({"s3Bucket": "their-bucket", "s3ObjectKey": ["a"]}))
        found = peer.bodies(outputs["QueueUrl"], 1)
        expect(found == [{"s3Bucket": "their-bucket", "s3ObjectKey": ["a"]}], f"the feed holds {found}")

    def more_tasks_split_the_work():
        # MiniStack takes a service's count from a parameter for text and fails.
        peer.deploy("many-tasks", NamePrefix="many", ClusterName="snowtrail", Tasks="3", **lacks)
        services = peer.client("ecs").describe_services(cluster="snowtrail", services=["many-worker", "many-detect"])
        counts = {service["serviceName"]: service["desiredCount"] for service in services["services"]}
        expect(counts == {"many-worker": 3, "many-detect": 1}, f"{counts}")

    both = [the_default_deploys, every_output_is_there]
    if peer.kind == "moto":
        # Its CloudFormation makes buckets without notification and versioning, and no subscriptions.
        return [
            *both, the_rules_hand_calls_to_the_feed, the_feed_gives_up_after_five_receives, every_option_deploys,
            more_tasks_split_the_work,
        ]
    return [
        *both, a_new_log_file_is_announced, the_rules_match_these_calls_and_no_others,
        the_feed_gives_up_after_five_receives, the_lake_can_be_written_and_is_versioned,
        alarms_and_pages_have_somewhere_to_go, every_option_deploys, a_trail_that_exists_is_used,
    ]


READ_FACTS = [
    *facts_of_any(TEMPLATE),
    the_task_can_read_no_secret, nothing_is_allowed_by_wildcard, the_task_may_do_what_the_worker_does_and_no_more,
    the_operator_can_read_no_secret_either, the_operator_may_look_and_change_no_event, the_operator_may_ask_what_doctor_asks,
    keys_are_used_only_through_a_service, every_bucket_queue_and_topic_refuses_plain_http,
    only_named_sources_send_to_queues_and_topics, dead_letters_outlive_the_feed,
    buckets_are_private_versioned_encrypted_and_outlive_the_stack, every_alarm_watches_a_metric_that_exists,
    lake_metrics_and_tasks_name_the_same_lake, the_three_tasks_differ_only_where_they_must,
    every_variable_of_the_tasks_is_one_that_the_program_reads, tasks_run_unprivileged_and_have_time_to_leave, the_rules_carry_every_call_that_is_kept, reads_are_carried_too,
    the_rules_are_legal_and_their_failures_are_kept, the_operators_page_explains_every_alarm_and_parameter,
]


def tell(facts):
    """Tries each fact, says how it went, and gives the exit status."""
    passed = failed = 0
    for fact in facts:
        try:
            fact()
            passed += 1
            print(f"ok      {fact.__name__}", flush=True)
        except Exception as error:  # A fact fails for whatever reason; the others are still told.
            failed += 1
            print(f"FAILED  {fact.__name__}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("ministack", "moto"), default="ministack", help="where to deploy")
    peer = Peer(parser.parse_args().peer)
    try:
        return tell([*READ_FACTS, *deployment_facts(peer)])
    finally:
        peer.stop()


if __name__ == "__main__":
    sys.exit(main())
