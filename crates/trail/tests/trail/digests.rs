//! Chains of digests without RSA: what is judged hangs on what digests name, not on the order they come in.

use proptest::prelude::*;
use snowtrail_trail::digest::{
    Digest, FaultKind, Judged, Link, Offset, Signature, Signatures, Terms, Verdict, judge,
};

/// A signature is good if it is the message itself.
struct Plain;

impl Signatures for Plain {
    fn verify(&self, fingerprint: &str, message: &[u8], signature: &[u8]) -> Verdict {
        match fingerprint {
            "key" if signature == message => Verdict::Good,
            "key" => Verdict::Wrong,
            _ => Verdict::NoKey,
        }
    }
}

fn terms(keeps_metadata: bool) -> Terms<'static> {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    Terms { signatures: &Plain, keeps_metadata, is_backfill: false, from: None, to: None, now }
}

fn document(hour: usize, previous: &str) -> String {
    format!(
        r#"{{"awsAccountId":"111122223333","digestStartTime":"2026-11-20T{hour:02}:00:00Z","digestEndTime":"2026-11-20T{:02}:00:00Z",
        "digestS3Bucket":"snowy-trail","digestS3Object":"digests/{hour:02}","digestPublicKeyFingerprint":"key",
        "digestSignatureAlgorithm":"SHA256withRSA",{previous}"logFiles":[]}}"#,
        hour + 1
    )
}

/// A sound chain of so many hours. Its hashes are names: the chain does not hash.
fn chain(hours: usize) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for hour in 0..hours {
        let previous = links.last().map_or(String::new(), |before: &Link| {
            let signature = before.signature.as_ref().map_or("", |signature| signature.hex.as_str());
            format!(
                r#""previousDigestS3Bucket":"snowy-trail","previousDigestS3Object":"digests/{:02}","previousDigestHashValue":"{}",
                "previousDigestHashAlgorithm":"SHA-256","previousDigestSignature":"{signature}","#,
                hour - 1, before.sha256
            )
        });
        let header = Digest::read(document(hour, &previous).as_bytes()).unwrap().header;
        let sha256 = format!("{hour:064}");
        let message = header.string_to_sign(&sha256);
        let hex = message.bytes().map(|byte| format!("{byte:02x}")).collect();
        let signature = Some(Signature { hex, algorithm: Signature::ALGORITHM.to_owned() });
        let (object, path) = (format!("s3://snowy-trail/digests/{hour:02}"), format!("digests/{hour:02}"));
        links.push(Link {
            object,
            path,
            offset: Some(Offset::default()),
            sha256,
            header,
            logs: 0,
            signature,
        });
    }
    links
}

fn kinds(judged: &[Judged]) -> Vec<(FaultKind, String)> {
    judged.iter().flat_map(|j| j.faults.iter().map(|fault| (fault.kind, fault.object.clone()))).collect()
}

#[test]
fn string_to_sign_has_four_lines_and_the_word_null() {
    let digest = Digest::read(document(2, "").as_bytes()).unwrap();
    assert_eq!(
        digest.header.string_to_sign("ba78"),
        "2026-11-20T03:00:00Z\nsnowy-trail/digests/02\nba78\nnull"
    );
}

#[test]
fn sound_chain_has_no_fault_and_reaches_its_end() {
    let judged = judge(chain(6), &Terms { now: "2026-11-20T07:00:00Z".parse().unwrap(), ..terms(true) });
    assert!(kinds(&judged).is_empty(), "{judged:?}");
    let (from, through) = Judged::reach(&judged, &[]).unwrap();
    assert_eq!(
        (from.to_string(), through.to_string()),
        ("2026-11-20T00:00:00Z".into(), "2026-11-20T06:00:00Z".into())
    );
}

#[test]
fn digests_are_read_strictly() {
    let sound = document(2, "");
    for (from, to) in [
        ("\"logFiles\":[]", "\"logFiles\":null"),
        ("\"logFiles\":[]", "\"logFiles\":[1]"),
        ("\"logFiles\":[]", "\"logFiles\":[{}]"),
        ("\"logFiles\":[]", "\"logFiles\":[],\"digestEndTime\":\"2026-11-20T09:00:00Z\""),
        ("\"key\"", "7"),
        ("\"digests/02\"", "\"\""),
        ("\"digests/02\"", "\"a\\nb\""),
        ("\"snowy-trail\"", "\"a/b\""),
        ("T03:00:00Z", "T3"),
        ("T03:00:00Z", "T01:00:00Z"),
        ("\"logFiles\"", "\"previousDigestSignature\":\"aa\",\"logFiles\""),
        ("{", "[{"),
    ] {
        let text = sound.replacen(from, to, 1);
        assert_ne!(text, sound, "{from}");
        assert!(Digest::read(text.as_bytes()).is_err(), "{to}");
    }
    assert!(Digest::read(format!("{sound} \n").as_bytes()).is_ok());
    assert!(Digest::read(format!("{sound}{sound}").as_bytes()).is_err());
}

#[test]
fn digest_that_names_itself_is_no_loop() {
    let mut links = chain(2);
    links[1].header.previous.as_mut().unwrap().place = links[1].header.place.clone();
    let judged = judge(links, &terms(true));
    assert!(kinds(&judged).iter().any(|(kind, _)| *kind == FaultKind::PreviousMissing), "{judged:?}");
}

proptest! {
    /// What the judge says of a spoilt chain is the same whatever order the digests come in, and never nothing.
    #[test]
    fn order_of_arrival_changes_nothing(
        order in Just((0..7usize).collect::<Vec<_>>()).prop_shuffle(),
        spoilt in 1..6usize,
        way in 0..5usize,
    ) {
        let mut links = chain(7);
        match way {
            0 => drop(links.remove(spoilt)),
            1 => links[spoilt].sha256 = "f".repeat(64),
            2 => links[spoilt].signature = None,
            3 => links[spoilt].offset = None,
            _ => links[spoilt].header.key_fingerprint = "other".to_owned(),
        }
        let plain = judge(links.clone(), &terms(true));
        let shuffled = order.iter().filter_map(|at| links.get(*at).cloned()).collect();
        prop_assert_eq!(&judge(shuffled, &terms(true)), &plain);
        let faults: Vec<_> = plain.iter().flat_map(|judged| judged.faults.clone()).collect();
        let through = Judged::reach(&plain, &faults).unwrap().1;
        prop_assert_eq!(through.to_string(), format!("2026-11-20T{spoilt:02}:00:00Z"));
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..600usize) {
        let _ = Digest::read(&bytes);
        let text = document(2, "");
        prop_assert!(Digest::read(&text.as_bytes()[..cut.min(text.len() - 1)]).is_err());
    }
}
