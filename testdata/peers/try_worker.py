"""Sets a small stage up in the emulator, and prints the pages that were heard. Called by try_worker.sh."""

import gzip
import json
import sys
import time
import uuid

import boto3
from botocore.config import Config

ACCOUNT, REGION = "111122223333", "us-west-2"
STRANGER = f"arn:aws:iam::{ACCOUNT}:role/Frost-Search-TaskRole"


def client(service):
    return boto3.client(service, region_name=REGION, config=Config(s3={"addressing_style": "path"}))


def arn(sqs, queue):
    return sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def strangers_read():
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:task", "accountId": ACCOUNT,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Frost-Search-TaskRole/task", "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": STRANGER,
                                                 "accountId": ACCOUNT, "userName": "Frost-Search-TaskRole"}},
        },
        "eventTime": now, "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
        "awsRegion": REGION, "sourceIPAddress": "10.0.3.7", "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": {
            "secretId": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/blizzard-checkout/db-AbCdEf"},
        "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()), "readOnly": True,
        "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT, "eventCategory": "Management",
    }


def set_up():
    s3, sqs, sns = client("s3"), client("sqs"), client("sns")
    suffix = uuid.uuid4().hex[:8]
    trail, lake = f"try-trail-{suffix}", f"try-lake-{suffix}"
    for bucket in (trail, lake):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    queue = sqs.create_queue(QueueName="try-feed")["QueueUrl"]
    heard = sqs.create_queue(QueueName="try-heard")["QueueUrl"]
    topic = sns.create_topic(Name="try-pages")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(sqs, heard))
    s3.put_bucket_notification_configuration(Bucket=trail, NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn(sqs, queue), "Events": ["s3:ObjectCreated:*"]}]})
    key = (f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{ACCOUNT}_CloudTrail_{REGION}_20260101T0000Z_{suffix}00000000.json.gz")
    s3.put_object(Bucket=trail, Key=key, Body=gzip.compress(json.dumps({"Records": [strangers_read()]}).encode()))
    print(f"QUEUE={queue}\nLAKE=s3://{lake}/prod\nTOPIC={topic}")


def pages():
    sqs = client("sqs")
    heard = sqs.get_queue_url(QueueName="try-heard")["QueueUrl"]
    for message in sqs.receive_message(QueueUrl=heard, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", []):
        envelope = json.loads(message["Body"])
        print(f"Subject: {envelope.get('Subject')}\n\n{envelope['Message']}")
        sqs.delete_message(QueueUrl=heard, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    {"set-up": set_up, "pages": pages}[sys.argv[1]]()
