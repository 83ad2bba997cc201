"""Proves what deploy/cluster.yaml promises: by reading it, by asking Ballista's programs, and by deploying it in MiniStack.

    python3 deploy/test/cluster.py                            # installs what it needs
    python3 deploy/test/cluster.py --programs FOLDER          # and the options against programs that are built

The last line is `N passed, N failed`; exit 1 if one failed. It starts no cluster: the test target `cluster` does.
"""

import argparse
import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import yaml  # noqa: E402
from template import ROOT, Loader, Peer, branches, expect, facts_of_any, listed, tell  # noqa: E402

TEMPLATE = ROOT / "deploy" / "cluster.yaml"
template = yaml.load(TEMPLATE.read_text(), Loader)
resources = template["Resources"]


def of_type(name):
    return {key: value["Properties"] for key, value in resources.items() if value["Type"] == name}


def statements(role):
    for policy in resources[role]["Properties"]["Policies"]:
        for statement, _ in branches(policy["PolicyDocument"]["Statement"]):
            yield statement


def containers():
    for definition in of_type("AWS::ECS::TaskDefinition").values():
        yield from definition["ContainerDefinitions"]


def the_tasks_read_the_lake_write_below_cluster_and_delete_nothing():
    for statement in statements("TaskRole"):
        for action in listed(statement["Action"]):
            expect("*" not in action and "Delete" not in action, f"{statement['Sid']} allows {action}")
            if action == "s3:PutObject":
                where = statement["Resource"]["Fn::Sub"]
                expect(where.endswith(":${LakeBucketName}/${LakePrefix}/cluster/*"), f"writes to {where}")
    services = {action.split(":")[0] for statement in statements("TaskRole") for action in listed(statement["Action"])}
    expect(services == {"s3", "kms"}, f"the tasks may ask {services}")


def nobody_gets_in_but_the_client_and_the_cluster_itself():
    rules = [rule for group in of_type("AWS::EC2::SecurityGroup").values() for rule in group["SecurityGroupIngress"]]
    expect(len(rules) == 4, f"{len(rules)} rules")
    for rule in rules:
        expect("SourceSecurityGroupId" in rule and not {"CidrIp", "CidrIpv6"} & rule.keys(), f"{rule} lets in others")
        expect(rule["IpProtocol"] == "tcp" and rule["ToPort"] - rule["FromPort"] <= 1, f"{rule} is too wide")


def the_client_is_let_out_to_where_it_is_let_in():
    out = {(rule["FromPort"], rule["ToPort"], json.dumps(rule["DestinationSecurityGroupId"])) for rule in of_type("AWS::EC2::SecurityGroupEgress").values()}
    let_in = {
        (rule["FromPort"], rule["ToPort"], json.dumps({"Fn::GetAtt": [name, "GroupId"]}))
        for name, group in of_type("AWS::EC2::SecurityGroup").items()
        for rule in group["SecurityGroupIngress"] if rule["SourceSecurityGroupId"] == {"Ref": "ClientSecurityGroupId"}
    }
    expect(out == let_in and len(out) == 2, f"out: {out}; in: {let_in}")


def what_the_image_copies_is_not_ignored():
    ignored = (ROOT / "deploy" / "ballista.Dockerfile.dockerignore").read_text().split("\n")
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "deploy" / "ballista.Dockerfile").read_text(), re.M)
    expect(copied, "nothing is copied")
    for source in copied:
        expect(f"!{source}" in ignored and (ROOT / source).is_dir(), f"{source} is not sent to the builder")


def tasks_run_unprivileged():
    for container in containers():
        expect(container["ReadonlyRootFilesystem"], f"{container['Name']} may write its root")
        expect(container["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"], f"{container['Name']} has capabilities")


def every_option_is_one_that_the_program_knows(programs):
    for container in containers():
        program, *options = container["Command"]
        told = subprocess.run([programs / Path(program).name, "--help"], capture_output=True, text=True, check=True).stdout
        for option in options:
            if isinstance(option, str) and option.startswith("--"):
                expect(re.search(rf"{option}\b", told), f"{program} knows no {option}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, help="folder of ballista-scheduler and ballista-executor")
    programs = parser.parse_args().programs
    peer = Peer("ministack")

    def the_stack_deploys_beside_snowtrails():
        vpc = peer.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        group = peer.client("ec2").create_security_group(GroupName="snowtrail", Description="snowtrail", VpcId=vpc)["GroupId"]
        # MiniStack takes a service's count from a parameter for text and fails, and knows no rules apart from their group;
        # moto knows no service discovery.
        lacking = copy.deepcopy(template)
        lacking["Resources"] = {name: part for name, part in resources.items() if part["Type"] != "AWS::EC2::SecurityGroupEgress"}
        lacking["Resources"]["ExecutorService"] = copy.deepcopy(resources["ExecutorService"])
        lacking["Resources"]["ExecutorService"]["Properties"]["DesiredCount"] = 2
        with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
            json.dump(lacking, body)
            body.flush()
            outputs = peer.deploy(
                "cluster", Path(body.name), ClientSecurityGroupId=group, LakeBucketName="snowtrail-lake",
                LakeKeyArn="arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555",
            )
        expect(outputs["SchedulerUrl"] == "df://scheduler.snowtrail-cluster.internal:50050", outputs["SchedulerUrl"])
        services = peer.client("ecs").describe_services(cluster="snowtrail-cluster", services=["scheduler", "executor"])["services"]
        expect(len(services) == 2, f"{services}")

    def every_option_is_known():
        every_option_is_one_that_the_program_knows(programs)

    facts = [
        *facts_of_any(TEMPLATE),
        the_tasks_read_the_lake_write_below_cluster_and_delete_nothing, nobody_gets_in_but_the_client_and_the_cluster_itself,
        the_client_is_let_out_to_where_it_is_let_in, what_the_image_copies_is_not_ignored, tasks_run_unprivileged, the_stack_deploys_beside_snowtrails,
    ]
    try:
        return tell([*facts, *([every_option_is_known] if programs else [])])
    finally:
        peer.stop()


if __name__ == "__main__":
    sys.exit(main())
