//! Facts about whole policies: what the file of the design resolves to, what every kind of slip is answered with,
//! and that nothing makes the reader panic. The small grammars are tested where they live.

use super::*;
use jiff::Timestamp;

const KINDS: [(&str, ParameterKind); 5] = [
    ("floor", ParameterKind::Int),
    ("ratio", ParameterKind::Float),
    ("history", ParameterKind::Duration),
    ("strict", ParameterKind::Bool),
    ("stage", ParameterKind::Text),
];

fn known_rules() -> Vec<RuleParameters> {
    let parameters = KINDS.map(|(name, kind)| {
        let per_secret = matches!(kind, ParameterKind::Int | ParameterKind::Duration);
        RuleParameter { name: name.to_owned(), kind, per_secret }
    });
    let spike = RuleParameters { id: "secret-read-spike".to_owned(), parameters: parameters.to_vec() };
    vec![spike, RuleParameters { id: "first-seen-reader".to_owned(), ..RuleParameters::default() }]
}

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text, "policy.toml", &known_rules())
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const DESIGN: &str = include_str!("testdata/design.toml");
const TASK_ROLE: &str = "arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole";
const ON_CALL: &str = "arn:aws:iam::111122223333:role/Snowy-OnCall";

fn prod_tags() -> Vec<(String, String)> {
    vec![("Env".to_owned(), "prod".to_owned()), ("Service".to_owned(), "Snowy-Checkout".to_owned())]
}

#[test]
fn the_policy_of_the_design_resolves_whole() {
    let policy = parse(DESIGN).unwrap();
    assert_eq!(policy.organization.accounts, ["111122223333", "222233334444"]);
    assert_eq!(policy.calendar.timezone.iana_name(), Some("America/Los_Angeles"));
    assert_eq!(policy.trail.heartbeat, Some(SignedDuration::from_mins(30)));
    assert!(policy.trail.protect.iter().any(|glob| glob.matches("arn:aws:s3:::snowy-trail")));
    let (place, entry) = policy
        .entry_for("111122223333", "us-west-2", "prod/blizzard-checkout/db/main", &prod_tags())
        .unwrap();
    assert_eq!((place, entry.owner.as_deref()), (0, Some("blizzard-checkout")));
    assert_eq!(entry.rotate_every, Some(SignedDuration::from_hours(30 * 24)));
    assert_eq!(entry.kind, Some(SecretKind::Database));
    assert!(entry.quiet_hours.unwrap().contain(90) && !entry.quiet_hours.unwrap().contain(300));
    let reminding =
        PagesPolicy { remind_every: Some(SignedDuration::from_hours(4)), ..PagesPolicy::default() };
    assert_eq!(policy.pages, reminding);
    assert!(policy.is_person(ON_CALL) && !policy.is_person(TASK_ROLE));
    let settings = policy.rule_settings("secret-read-spike");
    assert_eq!(settings.parameters["floor"], ParameterValue::Int(50));
    assert_eq!(policy.rule_settings("first-seen-reader"), RuleSettings::default());
}

#[test]
fn no_policy_has_utc_and_weekdays_and_no_contracts() {
    let policy = parse("").unwrap();
    assert_eq!(policy, Policy::default());
    assert_eq!(policy.entry_for("111122223333", "us-west-2", "a", &[]), None);
    assert!(policy.calendar.slot(at("2026-11-20T17:45:00Z")).is_business);
    assert!(!policy.calendar.slot(at("2026-11-20T18:00:00Z")).is_business);
}

#[test]
fn a_contract_holds_for_its_accounts_names_and_tags_and_the_first_wins() {
    let text = r#"
        [[secrets]]
        match = "prod/*"
        accounts = ["111122223333"]
        regions = ["us-west-2"]
        replica_regions = ["us-east-1"]
        owner = "first"
        [[secrets]]
        tags = { Env = "pr*d" }
        owner = "second"
        [[secrets]]
        match = "*"
        owner = "last""#;
    let policy = parse(text).unwrap();
    let owner = |account: &str, region: &str, name: &str, tags: &[(String, String)]| {
        policy.entry_for(account, region, name, tags).unwrap().1.owner.clone().unwrap()
    };
    assert_eq!(owner("111122223333", "us-west-2", "prod/a/b", &prod_tags()), "first");
    assert_eq!(owner("111122223333", "us-east-1", "prod/a/b", &[]), "first");
    assert_eq!(owner("111122223333", "eu-west-1", "prod/a/b", &[]), "last");
    assert_eq!(owner("222233334444", "us-west-2", "prod/a", &prod_tags()), "second");
    assert_eq!(owner("222233334444", "us-west-2", "prod/a", &[]), "last");
}

#[test]
fn a_contract_sets_parameters_for_its_own_secrets() {
    let text = r#"
        [[secrets]]
        match = "prod/*"
        [secrets.parameters.secret-read-spike]
        floor = 50
        history = "40d"
        [[secrets]]
        match = "*""#;
    let policy = parse(text).unwrap();
    let set = &policy.secrets[0].parameters["secret-read-spike"];
    assert_eq!(set["floor"], ParameterValue::Int(50));
    assert_eq!(set["history"], ParameterValue::Duration(SignedDuration::from_hours(40 * 24)));
    assert!(policy.secrets[1].parameters.is_empty());
}

#[test]
fn a_contracts_parameter_must_exist_and_be_one_that_single_secrets_may_have() {
    let refused = |lines: &str| refusal(&format!("[[secrets]]\nmatch = \"*\"\n{lines}"));
    let spike = "[secrets.parameters.secret-read-spike]\n";
    let told = [
        refused("[secrets.parameters.secret-read-spiky]\nfloor = 1"),
        refused(&format!("{spike}flor = 1")),
        refused(&format!("{spike}ratio = 1.5")),
        refused(&format!("{spike}floor = \"many\"")),
        refused("[secrets.parameters.first-seen-reader]\nfloor = 1"),
        refused("parameters = 3"),
    ];
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn inventory_files_are_named_and_not_read() {
    let policy = parse("[organization]\ninventory = [\"a.json\", \"lists/b.json\"]").unwrap();
    assert_eq!(policy.organization.inventory, ["a.json", "lists/b.json"]);
    assert!(policy.inventory.is_empty());
    assert!(refusal("[organization]\ninventory = [\"\"]").contains("must not be empty"));
}

#[test]
fn no_readers_is_undeclared_and_an_empty_list_is_nobody() {
    let text = |readers: &str| {
        format!("[[secrets]]\nmatch = \"*\"\n{readers}\nadmins = [\"*Admin\"]\nrotators = [\"*Rot\"]")
    };
    let may_read =
        |readers: &str, principal: &str| parse(&text(readers)).unwrap().secrets[0].may_read(principal);
    assert_eq!(may_read("", TASK_ROLE), None);
    assert_eq!(may_read("readers = []", TASK_ROLE), Some(false));
    assert_eq!(may_read("readers = [\"*TaskRole\"]", TASK_ROLE), Some(true));
    assert_eq!(may_read("readers = []", "arn:aws:iam::111122223333:role/Rot"), Some(true));
    assert_eq!(may_read("readers = []", "arn:aws:iam::111122223333:role/Admin"), Some(false));
}

#[test]
fn a_principal_may_have_several_roles() {
    let text = "[[secrets]]\nmatch = \"*\"\nreaders = [\"*\"]\nbreak_glass = [\"*/Snowy-OnCall\"]\nadmins = [\"*OnCall\"]";
    let policy = parse(text).unwrap();
    let roles = policy.secrets[0].roles_of(ON_CALL);
    assert_eq!(roles, [Role::Reader, Role::BreakGlass, Role::Admin]);
    assert_eq!(policy.secrets[0].roles_of(TASK_ROLE), [Role::Reader]);
}

#[test]
fn planned_work_is_a_principal_and_a_half_open_window() {
    let policy = parse(DESIGN).unwrap();
    let ci = "arn:aws:iam::222233334444:role/ci-deploy";
    assert!(policy.planned(ci, at("2026-11-20T02:00:00Z")).is_some());
    assert!(policy.planned(ci, at("2026-11-20T04:00:00Z")).is_none());
    assert!(policy.planned(TASK_ROLE, at("2026-11-20T03:00:00Z")).is_none());
    let throughout = |from: &str, to: &str| policy.planned_throughout(ci, at(from), at(to)).is_some();
    assert!(throughout("2026-11-20T03:00:00Z", "2026-11-20T04:00:00Z"));
    assert!(!throughout("2026-11-20T03:30:00Z", "2026-11-20T04:30:00Z"));
    assert!(!throughout("2026-11-20T01:30:00Z", "2026-11-20T02:30:00Z"));
}

#[test]
fn a_suppression_lasts_to_the_end_of_its_local_day() {
    let policy = parse(DESIGN).unwrap();
    let suppressed =
        |name: Option<&str>, time: &str| policy.suppressed("first-seen-reader", name, at(time)).is_some();
    assert!(suppressed(Some("stage/db"), "2027-01-01T07:59:59Z"));
    assert!(!suppressed(Some("stage/db"), "2027-01-01T08:00:00Z"));
    assert!(!suppressed(Some("prod/db"), "2026-12-01T00:00:00Z"));
    assert!(!suppressed(None, "2026-12-01T00:00:00Z"));
    assert!(policy.suppressed("secret-read-spike", Some("stage/db"), at("2026-12-01T00:00:00Z")).is_none());
}

#[test]
fn the_first_route_that_fits_hears_of_it() {
    let policy = parse(DESIGN).unwrap();
    let route = |owner, severity| policy.route(owner, severity, "secret-read-spike", Some("111122223333"));
    let topic = "arn:aws:sns:us-west-2:111122223333:checkout-oncall";
    assert_eq!(
        route(Some("blizzard-checkout"), Severity::High).map(ToString::to_string).as_deref(),
        Some(topic)
    );
    assert_eq!(route(Some("blizzard-checkout"), Severity::Medium), None);
    assert_eq!(route(None, Severity::Critical), None);
}

#[test]
fn a_place_takes_one_form_whichever_route_leads_there() {
    let policy = parse(DESIGN).unwrap();
    let format = |arn: &str| policy.format_of(&PublishTarget::Topic(arn.to_owned()));
    assert_eq!(format("arn:aws:sns:us-west-2:111122223333:checkout-oncall"), MessageFormat::Chat);
    assert_eq!(format("arn:aws:sns:us-west-2:111122223333:everybody"), MessageFormat::Text);
    let chat = "publish = \"arn:aws:sns:us-west-2:111122223333:chat\"\n";
    let twice = format!("[[routes]]\nmin_severity = \"high\"\n{chat}[[routes]]\n{chat}format = \"chat\"\n");
    let policy = parse(&format!("{twice}[pages]\nformat = \"ocsf\"\n")).unwrap();
    assert_eq!(policy.format_of(&policy.routes[0].publish), MessageFormat::Chat);
    assert_eq!(policy.format_of(&PublishTarget::Stdout), MessageFormat::Ocsf);
}

#[test]
fn reminders_are_off_until_they_are_asked_for() {
    assert_eq!(parse("").unwrap().pages.remind_every, None);
    let pages = parse("[pages]\nremind_every = \"90m\"\n").unwrap().pages;
    assert_eq!(pages.remind_every, Some(SignedDuration::from_mins(90)));
    assert_eq!((pages.remind_severity, pages.remind_max), (Severity::High, 3));
    assert!(refusal("[pages]\nremind_every = \"5s\"\n").contains("such as \"4h\""));
    assert!(refusal("[pages]\nremind_max = 2\n").contains("does nothing without `remind_every`"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_line_and_a_hint() {
    insta::assert_snapshot!(refusal(include_str!("testdata/slips.toml")));
}

#[test]
fn broken_toml_names_the_line() {
    insta::assert_snapshot!(refusal(
        "[organization]\naccounts = [\"111122223333\"\ntimezone = \n[[secrets]\n"
    ));
}

#[test]
fn a_single_bracket_is_answered_with_two() {
    insta::assert_snapshot!(refusal("[secrets]\nmatch = \"prod/*\"\n"));
}

#[test]
fn a_flood_of_problems_is_counted_not_listed() {
    let keys = (0..PROBLEMS_MAX + 7).map(|n| format!("unheard_of_{n} = 1\n")).collect::<String>();
    let refused = parse(&keys).unwrap_err();
    assert_eq!((refused.problems.len(), refused.unlisted), (PROBLEMS_MAX, 7));
    assert!(refused.to_string().ends_with("and 7 more"));
}

#[test]
fn every_key_of_the_design_is_known_and_every_slip_of_one_letter_is_found() {
    for line in DESIGN.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        let (key, value) = line.split_once(" = ").unwrap();
        let slipped = DESIGN.replacen(&format!("\n{line}\n"), &format!("\n{key}x = {value}\n"), 1);
        let refused = refusal(&slipped);
        let suggested = refused.contains(&format!("did you mean `{key}`?"));
        assert!(suggested, "{key}: {refused}");
    }
}

#[test]
fn deep_nesting_is_refused_not_fatal() {
    for open in ["[", "{a=", "a."] {
        let text = format!("a = {}", open.repeat(100_000));
        assert!(parse(&text).is_err());
    }
    assert!(parse(&format!("{} = 1", vec!["a"; 100_000].join("."))).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(512))]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_damage_to_a_policy_makes_the_reader_panic(from in 0usize..2_000, length in 0usize..40, patch in "[\\PC\n\"=\\[\\]]{0,6}") {
        let mut text = DESIGN.chars().collect::<Vec<_>>();
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, patch.chars());
        let text = text.into_iter().collect::<String>();
        if let Err(refused) = parse(&text) {
            proptest::prop_assert!(!refused.problems.is_empty());
            proptest::prop_assert!(refused.problems.iter().all(|problem| problem.line <= text.lines().count() + 1));
        }
    }
}
