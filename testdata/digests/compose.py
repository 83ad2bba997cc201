#!/usr/bin/env python3
"""Composes vector.json: a chain of two digests and one log file, signed by OpenSSL with a key that is then forgotten.

    testdata/digests/compose.py > testdata/digests/vector.json

Needs python3 and the openssl command. It shares no code with what it is a test of.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

BUCKET = "snowy-trail"
ACCOUNT = "111122223333"
REGION = "us-west-2"
TRAIL = "winter_trail"
LOG = '{"Records":[]}'


def key_of(end):
    stamp = end.replace("-", "").replace(":", "")
    name = f"{ACCOUNT}_CloudTrail-Digest_{REGION}_{TRAIL}_{REGION}_{stamp}.json.gz"
    return f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/11/20/{name}"


def openssl(*arguments, given=b""):
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def digest(secret, fingerprint, start, end, logs, previous):
    document = {
        "awsAccountId": ACCOUNT,
        "digestStartTime": start,
        "digestEndTime": end,
        "digestS3Bucket": BUCKET,
        "digestS3Object": key_of(end),
        "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": end if logs else None,
        "oldestEventTime": start if logs else None,
        "previousDigestS3Bucket": previous and BUCKET,
        "previousDigestS3Object": previous and previous["key"],
        "previousDigestHashValue": previous and previous["sha256"],
        "previousDigestHashAlgorithm": previous and "SHA-256",
        "previousDigestSignature": previous and previous["signature"],
        "logFiles": logs,
    }
    text = json.dumps(document, separators=(",", ":"))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    before = previous["signature"] if previous else "null"
    to_sign = f"{end}\n{BUCKET}/{key_of(end)}\n{sha256}\n{before}"
    signature = openssl("dgst", "-sha256", "-sign", secret, given=to_sign.encode()).hex()
    return {"key": key_of(end), "text": text, "sha256": sha256, "string_to_sign": to_sign, "signature": signature}


def compose(folder):
    secret = str(folder / "secret.pem")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", secret)
    pkcs1 = openssl("rsa", "-in", secret, "-RSAPublicKey_out", "-outform", "DER")
    spki = openssl("rsa", "-in", secret, "-pubout", "-outform", "DER")
    fingerprint = hashlib.md5(pkcs1).hexdigest()
    log_key = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/20/{ACCOUNT}_CloudTrail_{REGION}_20261120T0305Z_Ab12Cd34Ef56Gh78.json.gz"
    log = {
        "s3Bucket": BUCKET,
        "s3Object": log_key,
        "hashValue": hashlib.sha256(LOG.encode()).hexdigest(),
        "hashAlgorithm": "SHA-256",
        "newestEventTime": "2026-11-20T03:04:00Z",
        "oldestEventTime": "2026-11-20T03:01:00Z",
    }
    first = digest(secret, fingerprint, "2026-11-20T02:00:00Z", "2026-11-20T03:00:00Z", [], None)
    second = digest(secret, fingerprint, "2026-11-20T03:00:00Z", "2026-11-20T04:00:00Z", [log], first)
    return {
        "fingerprint": fingerprint,
        "pkcs1": base64.b64encode(pkcs1).decode(),
        "spki": base64.b64encode(spki).decode(),
        "bucket": BUCKET,
        "log": {"key": log_key, "text": LOG},
        "digests": [first, second],
    }


with tempfile.TemporaryDirectory() as folder:
    print(json.dumps(compose(pathlib.Path(folder)), indent=1))
