"""Cases of the rules about reads of parameters."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

KEY = key_arn("secrets")  # noqa: F405
TEN = "2026-11-03T10:00:00Z"


def names(count, folder="/prod/checkout"):
    """Different parameters of one folder."""
    return [f"{folder}/setting-{i:02}" for i in range(1, count + 1)]


# ---- parameter-read-breadth ----------------------------------------------------------------------------------------


def harvest(pace, severity, start=TEN, **more):
    """One finding of parameter-read-breadth by the batch role."""
    return {"findings": [("parameter-read-breadth", f"{pace}|{BATCH_ARN}|{start}", severity)], **more}


@case
def parameter_read_breadth__fires_one_by_one(t):
    """Twenty-one by name within four minutes."""
    for i, name in enumerate(names(21)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name], key=KEY)
    return harvest("fast", "high", tighten={"fast_floor": 21})


@case
def parameter_read_breadth__fires_by_path(t):
    """Three pages of a path: the calls name no parameter, the Decrypts do."""
    for page in range(3):
        found = names(21)[7 * page:7 * page + 7]
        t.get_parameters_by_path(after(TEN, 2 * page), batch_job(), "/prod", found=found, key=KEY)
    return harvest("fast", "high", tighten={"fast_floor": 21})


@case
def parameter_read_breadth__fires_by_name_list_path_and_history(t):
    """Two sessions, two regions, four ways: no single one is above the floor."""
    family = names(21)
    t.get_parameters("2026-11-03T23:57:00Z", batch_job("one"), family[:1], key=KEY)
    t.get_parameters("2026-11-03T23:58:00Z", batch_job("one"), family[1:7], key=KEY)
    t.get_parameters_by_path("2026-11-03T23:59:00Z", batch_job("two"), "/prod", found=family[7:14], key=KEY)
    for i, name in enumerate(family[14:20]):
        t.get_parameter_history(after("2026-11-04T00:00:00Z", 10 * i), batch_job("two"), name, KEY)
    t.get_parameters("2026-11-04T00:02:00Z", batch_job("two"), family[:1], key=key_arn("secrets", region="us-east-1"), region="us-east-1")  # noqa: F405
    return harvest("fast", "high", "2026-11-03T23:57:00Z", tighten={"fast_floor": 21})


@case
def parameter_read_breadth__fires_slow_through_the_day(t):
    """Forty-one, one every half an hour."""
    for i, name in enumerate(names(41)):
        t.get_parameters(after("2026-11-03T01:00:00Z", 1800 * i), batch_job(), [name], key=KEY)
    return harvest("slow", "medium", "2026-11-03T01:00:00Z", tighten={"slow_floor": 41}, gz=True)


@case
def parameter_read_breadth__fires_low_for_many_trees(t):
    """Nine services' paths in a quarter of an hour; no Decrypt shows what they gave out."""
    for i in range(9):
        t.get_parameters_by_path(after(TEN, 100 * i), batch_job(), f"/service-{i}/")
    key = f"trees|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"findings": [("parameter-read-breadth", key, "low")], "tighten": {"tree_floor": 9}}


@case
def parameter_read_breadth__quiet_eight_trees(t):
    """Differs in the number: eight."""
    for i in range(8):
        t.get_parameters_by_path(after(TEN, 100 * i), batch_job(), f"/service-{i}/")
    return {"loosen": {"tree_floor": 7}}


@case
def parameter_read_breadth__quiet_many_pages_of_one_tree(t):
    """Differs in the trees: one, in nine branches."""
    for i in range(9):
        t.get_parameters_by_path(after(TEN, 100 * i), batch_job(), f"/service/part-{i}/")
    return {}


@case
def parameter_read_breadth__quiet_twenty(t):
    """Differs in the number: twenty."""
    for i, name in enumerate(names(20)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name], key=KEY)
    return {"loosen": {"fast_floor": 19}}


@case
def parameter_read_breadth__quiet_history_of_one(t):
    """Differs in the parameter: one, with twenty-one versions."""
    t.get_parameter_history(TEN, batch_job(), names(1)[0], KEY, versions=21)
    return {"loosen": {"fast_floor": 0}}


@case
def parameter_read_breadth__quiet_plain_parameters(t):
    """Differs in the parameters: nothing had to be decrypted, though the caller asked for it."""
    for i, name in enumerate(names(21)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name])
    return {"loosen": {"proven_only": False}}


@case
def parameter_read_breadth__quiet_ciphertexts(t):
    """Differs in the question: without decryption a plan of infrastructure as code sees no value."""
    for i, name in enumerate(names(21)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name], decrypt=False)
    return {}


@case
def parameter_read_breadth__quiet_as_broad_as_before(t):
    """Differs in history: the same role read eleven at once two days earlier."""
    for i, name in enumerate(names(11)):
        t.get_parameters(after("2026-11-01T10:00:00Z", 10 * i), batch_job(), [name], key=KEY)
    for i, name in enumerate(names(21)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name], key=KEY)
    return {"loosen": {"percent": 100}}


@case
def parameter_read_breadth__quiet_throttled(t):
    """Differs in the outcome: throttled calls deliver nothing."""
    for i, name in enumerate(names(21)):
        t.get_parameters(after(TEN, 10 * i), batch_job(), [name], errorCode="ThrottlingException", errorMessage="Rate exceeded")
    return {}


# ---- first-seen-parameter-reader -----------------------------------------------------------------------------------

NAME = "/prod/checkout/flag-key"


def known_apart(t, start="2026-09-22"):
    """The service reads its parameter, the other role another one, for six weeks."""
    for day in (start, "2026-10-13", "2026-10-27"):
        t.get_parameters(f"{day}T10:00:00Z", task(), [NAME], key=KEY)
        t.get_parameters(f"{day}T11:00:00Z", batch_job(), ["/prod/reports/db"], key=KEY)


def first(severity, principal=BATCH_ARN, **more):
    """One finding of first-seen-parameter-reader."""
    findings = [("first-seen-parameter-reader", f"{HOME}|{principal}|2026-11-03T00:00:00Z", severity)]
    return {"findings": findings, "tighten": {"min_parameters": 2}, **more}


@case
def first_seen_parameter_reader__fires_by_name(t):
    """Two that have been around for weeks and never met."""
    known_apart(t)
    t.get_parameters(TEN, batch_job(), [NAME], key=KEY)
    return first("medium")


@case
def first_seen_parameter_reader__fires_by_path(t):
    """The Decrypt alone says what the path gave out."""
    known_apart(t)
    t.get_parameters_by_path(TEN, batch_job(), "/prod/checkout", found=[NAME], key=KEY)
    return first("medium")


@case
def first_seen_parameter_reader__fires_from_the_history(t):
    """Values of the past are values."""
    known_apart(t)
    t.get_parameter_history(TEN, batch_job(), NAME, KEY)
    return first("medium")


@case
def first_seen_parameter_reader__fires_low_for_a_new_role(t):
    """The parameter is old, the role is not."""
    known_apart(t)
    newcomer = assumed_role("Sleet-Export", "run-1", ip="10.20.9.9")
    t.get_parameters(TEN, newcomer, [NAME], key=KEY)
    return first("low", role_arn("Sleet-Export"))


@case
def first_seen_parameter_reader__fires_low_in_a_young_lake(t):
    """Three weeks old: a monthly habit would look new to it."""
    known_apart(t, "2026-10-13")
    t.get_parameters(TEN, batch_job(), [NAME], key=KEY)
    return first("low")


@case
def first_seen_parameter_reader__quiet_new_parameter(t):
    """Differs in the parameter's age: written five days before, with the rest of a deployment."""
    known_apart(t)
    new = "/prod/checkout/new-setting"
    t.get_parameters("2026-10-29T10:00:00Z", task(), [new], key=KEY)
    t.get_parameters(TEN, batch_job(), [new], key=KEY)
    return {"loosen": {"maturity": "3d"}}


@case
def first_seen_parameter_reader__quiet_monthly_job(t):
    """Differs in memory: the same role read it 31 days before."""
    known_apart(t)
    t.get_parameters("2026-09-03T09:00:00Z", task(), [NAME], key=KEY)
    for day in ("2026-09-03", "2026-10-03", "2026-11-03"):
        t.get_parameters(f"{day}T10:00:00Z", batch_job(), [NAME], key=KEY)
    return {"loosen": {"memory": "28d"}}


@case
def first_seen_parameter_reader__quiet_plain_parameter(t):
    """Differs in the parameter: nothing had to be decrypted."""
    known_apart(t)
    t.get_parameters(TEN, batch_job(), [NAME])
    return {}


@case
def first_seen_parameter_reader__quiet_one_and_not_asked_for(t):
    """Differs in the policy: one parameter is not worth a line."""
    known_apart(t)
    t.get_parameters(TEN, batch_job(), [NAME], key=KEY)
    return {"policy": '[rules."first-seen-parameter-reader"]\nmin_parameters = 2\n', "loosen": {"min_parameters": 1}}
