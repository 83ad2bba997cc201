"""One CloudTrail record: field order, defaults, errors. `records.py` and `calls.py` say what each call puts into it."""

from identities import AWS_OWN_ENDPOINT, Caller, Secret, derive, derive_hex, stamp

# A field with this value is left out of the record.
DROP = object()
# eventVersion by service: services move to a new version one at a time.
VERSIONS = {"ec2.amazonaws.com": "1.10", "s3.amazonaws.com": "1.11", "ssm.amazonaws.com": "1.08"}
# In the order of AWS's own files; fields not listed here come last.
FIELD_ORDER = ["eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
               "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData",
               "requestID", "eventID", "readOnly", "resources", "eventType", "apiVersion", "managementEvent",
               "recipientAccountId", "serviceEventDetails", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId",
               "addendum", "eventCategory", "tlsDetails", "sessionCredentialFromConsole"]
READ_PREFIXES = ("Get", "List", "Describe", "BatchGet", "Lookup", "Head", "Decrypt", "Encrypt", "GenerateDataKey",
                 "GenerateRandom", "ReEncrypt", "Sign", "Verify", "AssumeRole")
# outcome -> (errorCode, errorMessage). {who}, {action}, {what} and {label} are filled in.
FAILURES = {
    "denied": ("AccessDenied", "User: {who} is not authorized to perform: {action} on resource: {what} because no "
                               "identity-based policy allows the {action} action"),
    "denied_kms": ("AccessDenied", "Access to KMS is not allowed"),
    "not_found": ("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    "no_version": ("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for {label}."),
    "throttled": ("ThrottlingException", "Rate exceeded"),
    "deleted": ("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."),
    "exists": ("ResourceExistsException", "The operation failed because the secret already exists."),
}


class RecordMaker:
    """Makes records and keeps them. The seed and the position of the call decide eventID and requestID."""

    def __init__(self, seed: str):
        self.seed = seed
        self.records: list = []
        self._made = 0

    def failure(self, outcome: str, caller: Caller, action: str, what, names: str = "arn", stage: str | None = None) -> dict:
        """errorCode and errorMessage of an outcome; nothing for `ok`."""
        if outcome == "ok":
            return {}
        code, message = FAILURES[outcome]
        shown = what.asked(names) if isinstance(what, Secret) else what
        label = f"staging label: {stage}" if stage else "the given version"
        return {"errorCode": code, "errorMessage": message.format(who=caller.arn, action=action, what=shown, label=label)}

    def call(self, when, caller: Caller, source: str, name: str, account: str, region: str, params: dict | None = None,
             response: dict | None = None, *, read_only: bool | None = None, **fields) -> dict:
        """One record of any service. Parameters that are None are left out; `fields` override or add record fields."""
        self._made += 1
        serial = str(self._made)
        if params is not None:
            params = {key: value for key, value in params.items() if value is not None}
        if read_only is None:
            read_only = name.startswith(READ_PREFIXES)
        record = {
            "eventVersion": VERSIONS.get(source, "1.11"), "userIdentity": caller.identity, "eventTime": stamp(when),
            "eventSource": source, "eventName": name, "awsRegion": region, "sourceIPAddress": caller.ip,
            "userAgent": caller.agent, "requestParameters": params, "responseElements": response,
            "requestID": str(derive("request", self.seed, serial)), "eventID": str(derive("event", self.seed, serial)),
            "readOnly": read_only, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": account,
            "eventCategory": "Management", **_network(caller, source, region),
        }
        if caller.identity.get("type") == "AWSService":
            record["sharedEventID"] = str(derive("shared", self.seed, serial))
        record.update(fields)
        record = {key: record[key] for key in [*FIELD_ORDER, *record] if key in record and record[key] is not DROP}
        self.records.append(record)
        return record


def _network(caller: Caller, source: str, region: str) -> dict:
    """Endpoint, TLS and console marks. A call that a service makes has no TLS details, and an endpoint of AWS's own."""
    if caller.invoked_by:
        own = caller.identity.get("type") and source == "kms.amazonaws.com" and caller.identity["type"] != "AWSService"
        return {"vpcEndpointId": AWS_OWN_ENDPOINT, "vpcEndpointAccountId": caller.invoked_by} if own else {}
    found = {}
    if caller.vpc_endpoint:
        found = {"vpcEndpointId": caller.vpc_endpoint, "vpcEndpointAccountId": caller.account}
    if caller.from_console:
        return {**found, "sessionCredentialFromConsole": "true"}
    host = f"{source.split('.')[0]}.{region}.amazonaws.com"
    found["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                           "clientProvidedHostHeader": host, "keyExchange": "X25519MLKEM768"}
    return found


def key_material(key: str) -> dict:
    """additionalEventData of a KMS cryptographic call."""
    return {"keyMaterialId": derive_hex(64, "material", key)}
