"""Cases of the rules about the trail."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- trail-blinded -------------------------------------------------------------------------------------------------


def blinded(call, severity, **more):
    """One finding of trail-blinded on the trail, at noon."""
    return {"findings": [("trail-blinded", f"{HOME}|snowy-trail|{call}|{NOON}", severity)], "tighten": {"min_rank": 5}, **more}


@case
def trail_blinded__fires_stop_logging(t):
    """The plain form."""
    t.trail_call(NOON, STRANGER, "StopLogging")
    return blinded("StopLogging", "critical")


@case
def trail_blinded__fires_delete_trail_by_arn(t):
    """Named by its ARN."""
    t.trail_call(NOON, STRANGER, "DeleteTrail", trail=f"arn:aws:cloudtrail:us-west-2:{ACCOUNT}:trail/snowy-trail")
    return blinded("DeleteTrail", "critical")


@case
def trail_blinded__fires_key_events_excluded(t):
    """A basic selector that still says All, without KMS."""
    t.put_event_selectors(NOON, STRANGER, basic=[basic_selector(exclude=["kms.amazonaws.com"])])
    return blinded("PutEventSelectors", "high", tighten={"min_rank": 4})


@case
def trail_blinded__fires_write_only(t):
    """WriteOnly keeps the loud calls and drops every read of a secret."""
    t.put_event_selectors(NOON, STRANGER, basic=[basic_selector("WriteOnly")])
    return blinded("PutEventSelectors", "critical")


@case
def trail_blinded__fires_no_management_events(t):
    """Data events only."""
    t.put_event_selectors(NOON, STRANGER, basic=[basic_selector(management=False)])
    return blinded("PutEventSelectors", "critical")


@case
def trail_blinded__fires_advanced_loses_one_name(t):
    """Two advanced selectors that together record everything but one batch call."""
    t.put_event_selectors(NOON, STRANGER, advanced=[
        advanced_selector("writes", eventCategory__equals=["Management"], readOnly__equals=["false"]),
        advanced_selector("reads", eventCategory__equals=["Management"], readOnly__equals=["true"], eventName__notStartsWith=["BatchGet"]),
    ])
    return blinded("PutEventSelectors", "critical")


@case
def trail_blinded__fires_advanced_data_events_only(t):
    """An advanced selector for objects in a bucket replaces the one for management events."""
    t.put_event_selectors(NOON, STRANGER, advanced=[advanced_selector("objects", eventCategory__equals=["Data"], resources_type__equals=["AWS::S3::Object"])])
    return blinded("PutEventSelectors", "critical")


@case
def trail_blinded__fires_one_region_and_no_validation(t):
    """Two settings in one call are one finding, of the worse rank."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"))
    t.update_trail(NOON, STRANGER, {"isMultiRegionTrail": False, "enableLogFileValidation": False})
    return blinded("UpdateTrail", "high", tighten={"min_rank": 4})


@case
def trail_blinded__fires_another_bucket(t):
    """The trail goes on, elsewhere."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"))
    t.update_trail(NOON, STRANGER, {"s3BucketName": "frost-archive"})
    return blinded("UpdateTrail", "high", tighten={"min_rank": 4})


@case
def trail_blinded__quiet_widened(t):
    """Differs in the selectors: management events as before, and data events on top."""
    t.put_event_selectors(NOON, STRANGER, advanced=[
        advanced_selector("management", eventCategory__equals=["Management"]),
        advanced_selector("objects", eventCategory__equals=["Data"], resources_type__equals=["AWS::S3::Object"]),
    ])
    return {"loosen": {"min_rank": 0}}


@case
def trail_blinded__quiet_split_but_whole(t):
    """Differs in the selectors: two halves that together lose nothing."""
    t.put_event_selectors(NOON, STRANGER, basic=[basic_selector("ReadOnly"), basic_selector("WriteOnly")])
    return {"loosen": {"min_rank": 0}}


@case
def trail_blinded__quiet_start_logging(t):
    """Differs in the call."""
    t.trail_call(NOON, STRANGER, "StartLogging")
    return {"loosen": {"min_rank": 0}}


@case
def trail_blinded__quiet_refused(t):
    """Differs in the outcome: the intruder was not allowed to."""
    t.trail_call(NOON, STRANGER, "StopLogging", errorCode="AccessDenied", errorMessage=f"User: {STRANGER.arn} is not authorized to perform: "
                 f"cloudtrail:StopLogging on resource: arn:aws:cloudtrail:us-west-2:{ACCOUNT}:trail/snowy-trail because no identity-based policy allows it")
    return {"loosen": {"min_rank": 0}}


@case
def trail_blinded__quiet_settings_said_again(t):
    """Differs in the settings: infrastructure as code repeats what is already so, bucket included, and widens the rest."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"), settings={"s3BucketName": "snowy-trail", "isMultiRegionTrail": False, "enableLogFileValidation": False})
    t.update_trail(NOON, batch_job("deploy"), {"s3BucketName": "snowy-trail", "isMultiRegionTrail": True, "enableLogFileValidation": False})
    return {"loosen": {"min_rank": 0}}
