//! Messages: that any page fits in every form, what stays in it, and what subscriptions filter by.

use crate::sample::{any_text, folded, lone, only_page, policy, rendered, rules, spike};
use proptest::prelude::*;
use serde_json::Value;
use snowtrail_model::{Finding, Severity};
use snowtrail_page::attribute::{ATTRIBUTES_MAX, LIST_BYTES_MAX};
use snowtrail_page::render::{
    BODY_BYTES_MIN, DESCRIPTION_BYTES_MAX, KEYWORD_BYTES_MAX, NEXT_STEP_BYTES_MAX, TITLE_BYTES_MAX,
};
use snowtrail_page::{
    Attribute, AttributeKind, Ledger, MESSAGE_BYTES_MAX, Message, MessageFormat, Page, RenderInputs,
    RuleDocs, render,
};

fn pretty(page: &Page, format: MessageFormat) -> String {
    serde_json::to_string_pretty(&json(&rendered(page, format))).unwrap()
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn reader() -> Finding {
    Finding {
        rule: "unexpected-reader".to_owned(),
        severity: Severity::Critical,
        key: "unexpected-reader:1".to_owned(),
        title: "A reader outside of the contract".to_owned(),
        ..spike()
    }
}

#[test]
fn a_story_as_ocsf_is_its_lead_with_related_findings() {
    let page = folded(&[spike(), reader()], &Ledger::default()).pages.remove(0);
    insta::assert_snapshot!(pretty(&page, MessageFormat::Ocsf));
}

#[test]
fn a_story_as_a_chat_card_tells_at_a_glance_whether_it_is_real() {
    let page = folded(&[spike(), reader()], &Ledger::default()).pages.remove(0);
    insta::assert_snapshot!(pretty(&page, MessageFormat::Chat));
    // As people see it.
    let card = json(&rendered(&page, MessageFormat::Chat));
    insta::assert_snapshot!(card["content"]["description"].as_str().unwrap());
}

#[test]
fn hostile_text_is_inert_in_a_chat_card() {
    let hostile = Finding {
        title: "reads by <!channel> :white_check_mark: [all clear](https://evil.example)".to_owned(),
        summary: "# All clear\n\n@here <@U012AB3CD> *sleep* ~well~ `now` ![x](http://evil.example/x)"
            .to_owned(),
        secret_name: Some("prod/`rm -rf /`".to_owned()),
        principal: Some("arn:aws:iam::111122223333:role/<https://evil.example|Admin>".to_owned()),
        actor: Some("_you_ & me @everyone\u{202e}".to_owned()),
        ..spike()
    };
    let body = rendered(&only_page(hostile), MessageFormat::Chat);
    let card = json(&body);
    let description = card["content"]["description"].as_str().unwrap();
    insta::assert_snapshot!(format!("{}\n\n{description}", card["content"]["title"].as_str().unwrap()));
    for alive in ["<", "https://evil", "@here", "@everyone", ":white_check_mark", "](", "\u{202e}"] {
        assert!(!body.contains(alive), "{alive}");
    }
}

#[test]
fn attributes_are_what_subscriptions_filter_by() {
    let page = folded(&[spike(), reader()], &Ledger::default()).pages.remove(0);
    let message =
        Message::of(&page, &RenderInputs { rules: &rules(), policy: &policy(), lake: "./lake" }, page.format);
    let line = |attribute: &Attribute| {
        format!("{} ({}): {}", attribute.name, attribute.kind.as_str(), attribute.value)
    };
    insta::assert_snapshot!(message.attributes.iter().map(line).collect::<Vec<_>>().join("\n"));
    assert_eq!((&message.group, message.severity), (&page.dedupe_key, Severity::Critical));
}

#[test]
fn what_sns_refuses_is_replaced_and_what_is_missing_has_no_attribute() {
    let odd = Finding {
        secret_name: Some("a\u{1f600}\n\"b\\".to_owned()),
        account_id: Some(String::new()),
        rule: "x".repeat(5_000),
        ..lone("x", 1)
    };
    let message = Message::new(&only_page(odd), String::new());
    let value =
        |name: &str| message.attributes.iter().find(|one| one.name == name).map(|one| one.value.clone());
    assert_eq!(value("secret_name").as_deref(), Some(r#"["a??\"b\\"]"#));
    assert_eq!((value("account"), value("owner")), (None, None));
    assert_eq!(value("rule").unwrap().len(), 512 + r#"[""]"#.len());
}

/// Facts about a message in any form.
fn check(page: &Page, message: &Message, format: MessageFormat) -> Result<(), TestCaseError> {
    prop_assert!(message.bytes() <= MESSAGE_BYTES_MAX, "{} has {} bytes", format, message.bytes());
    prop_assert!(message.body.contains(&page.dedupe_key));
    if format == MessageFormat::Text {
        prop_assert!(message.body.chars().all(|c| c == '\n' || !c.is_control()));
        return Ok(());
    }
    prop_assert!(message.body.chars().all(|c| c.is_ascii() && !c.is_ascii_control()));
    let Ok(value) = serde_json::from_str::<Value>(&message.body) else {
        return Err(TestCaseError::fail(format!("{format} is no JSON")));
    };
    match format {
        MessageFormat::Json => prop_assert_eq!(&value["dedupe_key"], &page.dedupe_key),
        MessageFormat::Ocsf => check_ocsf(page, &value)?,
        _ => check_chat(page, &value)?,
    }
    Ok(())
}

fn check_ocsf(page: &Page, value: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(&value["metadata"]["uid"], &page.dedupe_key);
    for required in ["activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time"] {
        prop_assert!(value[required].is_i64(), "{}", required);
    }
    prop_assert!(!value["finding_info"]["uid"].is_null() && !value["metadata"]["version"].is_null());
    Ok(())
}

fn check_chat(page: &Page, value: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(&value["id"], &page.dedupe_key);
    prop_assert_eq!(&value["metadata"]["threadId"], &page.thread);
    let content = &value["content"];
    let bytes = |value: &Value| value.as_str().map(str::len).unwrap_or(usize::MAX);
    prop_assert!(bytes(&content["title"]) <= TITLE_BYTES_MAX);
    prop_assert!(
        bytes(&content["description"]) <= DESCRIPTION_BYTES_MAX,
        "{}",
        bytes(&content["description"])
    );
    let within = |list: &Value, max: usize| {
        list.as_array().is_none_or(|list| list.iter().all(|one| bytes(one) <= max))
    };
    prop_assert!(within(&content["nextSteps"], NEXT_STEP_BYTES_MAX));
    prop_assert!(within(&content["keywords"], KEYWORD_BYTES_MAX));
    let context = value["metadata"]["additionalContext"].as_object();
    prop_assert!(context.is_some_and(|context| context.values().all(Value::is_string)));
    for text in [&content["title"], &content["description"]] {
        let is_alive = text.as_str().unwrap_or_default().contains(['<', '*', '~', '\u{202e}']);
        prop_assert!(!is_alive, "{}", text);
    }
    Ok(())
}

fn check_attributes(attributes: &[Attribute]) -> Result<(), TestCaseError> {
    prop_assert!(attributes.len() <= ATTRIBUTES_MAX);
    for attribute in attributes {
        let value = &attribute.value;
        prop_assert!(!value.is_empty() && value.len() <= LIST_BYTES_MAX);
        prop_assert!(value.chars().all(|c| !c.is_control() && (c as u32) < 0xfffe));
        if attribute.kind == AttributeKind::StringArray {
            let list = serde_json::from_str::<Vec<String>>(value);
            prop_assert!(list.is_ok_and(|list| !list.is_empty() && list.iter().all(|one| !one.is_empty())));
        }
    }
    Ok(())
}

/// Rules whose words are as long as anybody's, in letters of four bytes.
fn long_docs(ids: impl Iterator<Item = String>) -> std::collections::BTreeMap<String, RuleDocs> {
    let long = "\u{1f600}".repeat(3_000);
    let docs = |id: String| RuleDocs {
        id,
        title: long.clone(),
        description: long.clone(),
        runbook: vec![long.clone(); 30],
        benign: vec![long.clone(); 30],
        attack: vec![long.clone(); 30],
    };
    ids.map(|id| (id.clone(), docs(id))).collect()
}

fn every_form(findings: &[Finding]) -> Result<(), TestCaseError> {
    let rules = long_docs(findings.iter().take(20).map(|finding| finding.rule.clone()));
    let inputs = RenderInputs { rules: &rules, policy: &policy(), lake: "./my lake" };
    for page in folded(findings, &Ledger::default()).pages {
        for format in MessageFormat::ALL {
            let message = Message::of(&page, &inputs, format);
            check(&page, &message, format)?;
            check_attributes(&message.attributes)?;
            prop_assert!(message.group.len() <= 128 && message.group.chars().all(|c| c.is_ascii_graphic()));
            let subject = &message.subject;
            prop_assert!(subject.starts_with(|c: char| c.is_ascii_graphic()) && subject.len() <= 99);
            prop_assert!(render(&page, &inputs, format, 0).len() <= BODY_BYTES_MIN, "{}", format);
        }
    }
    Ok(())
}

#[test]
fn the_largest_pages_fit_and_keep_the_key_of_the_lead() {
    let evidence = (0..100_000).map(|n| format!("0f1e2d3c-0000-4000-8000-{n:012}")).collect::<Vec<_>>();
    let long = ["\u{1f600}", "\u{0}", "\"", "<", "x"].map(|piece| piece.repeat(100_000));
    for text in &long {
        let huge = |n: usize| Finding {
            title: text.clone(),
            summary: text.clone(),
            observed: text.clone(),
            expected: text.clone(),
            secret_name: Some(text.clone()),
            actor: Some(text.clone()),
            detail: format!("{{\"huge\":{}}}", serde_json::json!(text)),
            evidence: if n == 0 { evidence.clone() } else { vec![text.clone()] },
            severity: if n == 0 { Severity::Critical } else { Severity::High },
            ..lone("first-seen-reader", n)
        };
        let findings = (0..12).map(huge).collect::<Vec<_>>();
        every_form(&findings).unwrap();
        let page = folded(&findings, &Ledger::default()).pages.remove(0);
        let key = page.lead().unwrap().key.clone();
        assert!(MessageFormat::ALL.iter().all(|format| rendered(&page, *format).contains(&key)));
    }
}

#[test]
fn twenty_thousand_findings_fit() {
    let findings = (0..20_000).map(|n| lone("first-seen-reader", n)).collect::<Vec<_>>();
    every_form(&findings).unwrap();
}

#[test]
fn evidence_is_shortened_before_findings_and_findings_before_facts() {
    let ids =
        |count: usize| (0..count).map(|n| format!("0f1e2d3c-0000-4000-8000-{n:012}")).collect::<Vec<_>>();
    let body = |findings: &[Finding]| {
        let page = folded(findings, &Ledger::default()).pages.remove(0);
        json(&rendered(&page, MessageFormat::Json))
    };
    let whole = body(&[Finding { evidence: ids(1_000), ..spike() }]);
    assert_eq!(
        (whole["findings"][0]["evidence_left_out"].as_u64(), whole["findings_left_out"].as_u64()),
        (Some(0), Some(0))
    );
    let much = body(&[Finding { evidence: ids(100_000), ..spike() }]);
    assert_eq!(much["findings"][0]["evidence"].as_array().unwrap().len(), 100);
    assert_eq!(much["findings"][0]["evidence_left_out"], 99_900);
    let many = body(&(0..2_000).map(|n| lone("first-seen-reader", n)).collect::<Vec<_>>());
    let told = ["findings", "more_findings"].map(|list| many[list].as_array().unwrap().len());
    assert_eq!(told[0], 3);
    assert_eq!(told[0] + told[1] + many["findings_left_out"].as_u64().unwrap() as usize, 2_000);
    let long = body(&[Finding { summary: "x".repeat(300_000), ..spike() }]);
    assert_eq!(
        (&long["findings"][0]["cut"][0], &long["findings"][0]["observed"]),
        (&"summary".into(), &"120 reads".into())
    );
}

fn any_hostile_finding() -> impl Strategy<Value = Finding> {
    let texts = proptest::collection::vec(any_text(), 12);
    (texts, proptest::collection::vec(any_text(), 0..40), any::<bool>()).prop_map(|(texts, evidence, has)| {
        let text = |index: usize| texts[index].clone();
        let name = |index: usize| has.then(|| text(index));
        Finding {
            rule: text(0),
            key: text(1),
            title: text(2),
            summary: text(3),
            secret_name: name(4),
            principal: name(5),
            actor: name(6),
            observed: text(7),
            expected: text(8),
            detail: text(9),
            aws_region: name(10),
            account_id: name(11),
            evidence,
            ..spike()
        }
    })
}

proptest! {
    // Each case renders megabytes of hostile text; sixty-four of them find what a thousand do.
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn any_page_fits_in_every_form(findings in proptest::collection::vec(any_hostile_finding(), 1..9)) {
        every_form(&findings)?;
    }
}
