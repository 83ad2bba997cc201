//! What an object is taken for, by its key.

use snowtrail_trail::ObjectKind::{self, *};

#[track_caller]
fn check(kind: ObjectKind, keys: &[&str]) {
    for key in keys {
        assert_eq!(ObjectKind::of(key), kind, "{key}");
    }
}

#[test]
fn log_files_where_cloudtrail_puts_them() {
    check(
        Log,
        &[
            "AWSLogs/111122223333/CloudTrail/us-west-2/2026/11/20/111122223333_CloudTrail_us-west-2_20261120T0210Z_aB3dE6gH9jK2mN5p.json.gz",
            "AWSLogs/o-snowy12345/222233334444/CloudTrail/us-east-1/2026/11/20/222233334444_CloudTrail_us-east-1_20261120T0210Z_aB3dE6gH9jK2mN5p.json.gz",
            "some/prefix/AWSLogs/111122223333/CloudTrail/cn-north-1/2026/11/20/f.json.gz",
            "o-snowy12345/AWSLogs/o-snowy12345/111122223333/CloudTrail/us-west-2/f.json.gz",
            "AWSLogs/AWSLogs/111122223333/CloudTrail/us-west-2/f.json.gz",
            "AWSLogs/111122223333/CloudTrail-NetworkActivity/us-west-2/2026/11/20/f.json.gz",
        ],
    );
}

#[test]
fn copied_logs_by_their_name() {
    check(
        Log,
        &[
            "111122223333_CloudTrail_us-west-2_20261120T0210Z_aB3dE6gH9jK2mN5p.json.gz",
            "copy/of/111122223333_CloudTrail_us-west-2_x.json",
            "case 1042/old_111122223333_CloudTrail_us-west-2_x.ndjson.gz",
            "x/111122223333_CloudTrail_a.ndjson",
            "x/111122223333_CloudTrail_a.jsonl",
            "x/111122223333_CloudTrail_a.jsonl.gz",
            "x/111122223333_CloudTrail_a.log.gz",
            "x/111122223333_CloudTrail-NetworkActivity_a.json.gz",
            "AWSLogs/my-copy/today/111122223333_CloudTrail_a.json.gz",
        ],
    );
}

#[test]
fn digests_insights_and_aggregates_by_folder_and_by_name() {
    check(
        Digest,
        &[
            "AWSLogs/111122223333/CloudTrail-Digest/us-west-2/2026/11/20/111122223333_CloudTrail-Digest_us-west-2_snowy_us-west-2_20261120T021000Z.json.gz",
            "AWSLogs/o-snowy12345/111122223333/CloudTrail-Digest/us-west-2/d.json.gz",
            "copy/111122223333_CloudTrail-Digest_us-west-2_snowy_us-west-2_20261120T021000Z.json.gz",
            "copy/111122223333_CloudTrail-Digest_us-west-2_my_CloudTrail_trail_us-west-2_20261120T021000Z.json.gz",
        ],
    );
    check(
        Insight,
        &[
            "AWSLogs/111122223333/CloudTrail-Insight/us-west-2/i.json.gz",
            "copy/1_CloudTrail-Insight_x.json.gz",
        ],
    );
    check(
        Aggregated,
        &[
            "AWSLogs/111122223333/CloudTrail-Aggregated/us-west-2/a.json.gz",
            "1_CloudTrail-Aggregated_x.json.gz",
        ],
    );
}

#[test]
fn everything_else_is_foreign() {
    check(
        Foreign,
        &[
            "",
            "/",
            "AWSLogs/",
            "AWSLogs/111122223333/CloudTrail/",
            "AWSLogs/111122223333/CloudTrail-Digest/",
            "AWSLogs/111122223333/CloudTrail/us-west-2/readme.txt",
            "AWSLogs/111122223333/CloudTrail/us-west-2/f.json.gz.tmp",
            "AWSLogs/111122223333/Config/us-west-2/2026/11/20/111122223333_Config_us-west-2_x.json.gz",
            "AWSLogs/111122223333/Config/us-west-2/a_CloudTrail_b.json.gz",
            "AWSLogs/111122223333/elasticloadbalancing/us-west-2/2026/11/20/lb.log.gz",
            "AWSLogs/111122223333/vpcflowlogs/us-west-2/f.log.gz",
            "AWSLogs/111122223333/CloudTrail-Lake/Query/result.json.gz",
            "awslogs/111122223333/CloudTrail/us-west-2/f.json.gz",
            "data/f.json.gz",
            "data/CloudTrail/us-west-2/f.json.gz",
            "x/111122223333_CloudTrail_a.csv",
            "x/CloudTrail_a.json",
            "x/a_CloudTrail",
            "lake/_delta_log/00000000000000000000.json",
        ],
    );
}
