//! A report with one of everything, in every form; and that text from events never becomes markup.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use jiff::{SignedDuration, Timestamp};
use snowtrail_report::chart::{Amount, Chart, Drawing, Lane, Mark, Stretch, Tone};
use snowtrail_report::{Block, Column, Fact, Form, Kind, Report, Section, Table, Value, render};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn chart(name: &str, drawing: Drawing) -> Block {
    Block::Chart(Chart {
        name: name.to_owned(),
        title: name.replace('-', " "),
        summary: "What one sees.".to_owned(),
        legend: vec![(Tone::Bad, "bad news".to_owned())],
        drawing,
    })
}

fn charts(label: &str) -> Vec<Block> {
    let (from, to) = (at("2026-11-01T00:00:00Z"), at("2026-11-05T00:00:00Z"));
    let mark = Mark { at: at("2026-11-02T03:00:00Z"), label: label.to_owned(), tone: Tone::Bad };
    let span = Stretch { from, to, label: label.to_owned(), tone: Tone::Plain };
    let lane = Lane { label: label.to_owned(), spans: vec![span], marks: vec![mark.clone()] };
    let mut counts = [[0; 24]; 7];
    counts[0][9] = 12;
    counts[6][23] = 1;
    let amount = Amount { label: label.to_owned(), size: 2.5, value: Value::Usd(2.5), tone: Tone::Plain };
    vec![
        chart("bars", Drawing::Bars { from, seconds: 86_400, counts: vec![3, 0, 12, 1], marks: vec![mark] }),
        chart("heat", Drawing::HeatMap { counts: Box::new(counts), business: Box::new([[true; 24]; 7]) }),
        chart("lanes", Drawing::Lanes { from, to, lanes: vec![lane] }),
        chart("amounts", Drawing::Amounts { amounts: vec![amount] }),
        chart(
            "matrix",
            Drawing::Matrix {
                rows: vec![label.to_owned()],
                columns: vec![label.to_owned()],
                cells: vec![vec![Some((4, Tone::Warn))]],
            },
        ),
    ]
}

fn report(hostile: &str) -> Report {
    let column =
        |name: &str, kind, about: &str| Column { name: name.to_owned(), kind, about: about.to_owned() };
    let table = Table {
        name: "readers".to_owned(),
        title: String::new(),
        basis: "View reads.".to_owned(),
        empty: "Nobody.".to_owned(),
        columns: vec![
            column("who", Kind::Principal, "the principal"),
            column("verdict", Kind::Verdict, ""),
            column("never_filled", Kind::Text, ""),
            column("reads", Kind::Number, "deliveries"),
            column("last_read", Kind::Time, ""),
            column("pause", Kind::Number, ""),
        ],
        rows: vec![vec![
            Value::text(hostile),
            Value::text("undeclared"),
            Value::Nothing,
            Value::Count(1_557),
            Value::Time(at("2026-11-04T21:04:09Z")),
            Value::Length(SignedDuration::from_secs(90)),
        ]],
    };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(charts(hostile));
    let section = |title: &str, blocks| Section { title: title.to_owned(), note: String::new(), blocks };
    let paste =
        Block::Paste { title: hostile.to_owned(), text: "{ \"Version\": \"2012-10-17\" }".to_owned() };
    let signature = Block::Signature { statement: "I looked.".to_owned(), signers: vec![hostile.to_owned()] };
    Report {
        name: "access".to_owned(),
        title: hostile.to_owned(),
        about: "One of everything.".to_owned(),
        from: at("2026-11-01T00:00:00Z"),
        to: at("2026-11-05T00:00:00Z"),
        now: at("2026-11-05T00:00:00Z"),
        sources: vec![format!("Lake: {hostile}")],
        facts: vec![Fact {
            name: "Reads".to_owned(),
            value: Value::Count(1_557),
            basis: "view reads".to_owned(),
        }],
        sections: vec![section("Readers", blocks), section("Sign", vec![paste, signature])],
    }
}

fn rendered(text: &str, form: Form) -> String {
    render(&report(text), form).expect("a report")
}

#[test]
fn markdown_csv_and_json_say_the_same() {
    let name = "arn:aws:iam::111122223333:role/Icicle-Mail-TaskRole";
    insta::assert_snapshot!("markdown", rendered(name, Form::Markdown));
    insta::assert_snapshot!("csv", rendered(name, Form::Csv));
    insta::assert_snapshot!("json", rendered(name, Form::Json));
}

#[test]
fn html_needs_nothing_and_every_chart_is_drawn_for_desk_and_phone_with_words() {
    let html = rendered("prod/db", Form::Html);
    for forbidden in ["<script", "<link", "<img", "src=", "url(", "@import"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // The one address is the name of SVG's namespace.
    let addresses = html.matches("http").count();
    assert_eq!(
        addresses,
        html.matches("http://www.w3.org/2000/svg").count() + html.matches("http-equiv").count()
    );
    assert_eq!(
        (html.matches("<svg class=\"wide\"").count(), html.matches("<svg class=\"narrow\"").count()),
        (5, 5)
    );
    assert_eq!(html.matches("<desc id=").count(), 10);
    assert!(html.contains("<title>2026-11-03 00:00Z: 12</title>"), "a bar without its words");
    assert!(!html.contains("never filled"), "an empty column takes room");
}

proptest::proptest! {
    #[test]
    fn text_from_events_adds_no_tag_to_html(text in "[<>&\"'=a-z/ \\\\\u{202e}\u{1b}]{1,40}") {
        let plain = rendered("x", Form::Html);
        let hostile = rendered(&text, Form::Html);
        // Joints of names may get a <wbr>, names with a slash a small line of their own; nothing else is new.
        let tags = |html: &str| {
            html.matches('<').count()
                - ["<wbr>", "<b>", "</b>", "<small>", "</small>"].iter().map(|tag| html.matches(tag).count()).sum::<usize>()
        };
        proptest::prop_assert_eq!(tags(&plain), tags(&hostile));
        let is_unseen = hostile.contains(['\u{202e}', '\u{1b}']);
        proptest::prop_assert!(!is_unseen);
    }
}
