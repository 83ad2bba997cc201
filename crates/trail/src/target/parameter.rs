//! Targets of Parameter Store's calls: parameters by name, `name:version`, `name:label` or ARN, and paths read whole.
//!
//! The ARN of `/a/b` is `…:parameter/a/b`, that of `x` is `…:parameter/x`: the ARN of a name without further slashes
//! does not tell `x` from `/x`, and the former is assumed. `resources` holds ARNs without a type, and is absent on
//! throttled calls. Source: Systems Manager API Reference, GetParameter, GetParametersByPath.

use snowtrail_model::{Target, TargetKind};

use super::{Call, TargetSet, by_arn};
use crate::view::View;

pub(crate) fn add(call: &Call<'_>, set: &mut TargetSet) {
    for key in ["name", "names", "resourceId", "resourceArn"] {
        let asked = call.request.get_any_case(key).map(View::strings).unwrap_or_default();
        set.add_all(
            asked.iter().filter(|name| !name.is_empty()).map(|name| by_asked(name, &call.resource_arns)),
        );
    }
    if let Some(path) = call.request.text("path") {
        set.add(Target {
            kind: TargetKind::ParameterPath,
            arn: None,
            name: Some(path.clone()),
            as_asked: Some(path),
        });
    }
    set.add_all(call.resource_arns.iter().map(|arn| by_arn(arn)));
}

/// The name in an ARN's resource part `parameter/…`.
pub(crate) fn name_in_arn(resource: &str) -> Option<String> {
    let rest = resource.strip_prefix("parameter/").filter(|rest| !rest.is_empty())?;
    Some(if rest.contains('/') { format!("/{rest}") } else { rest.to_owned() })
}

/// What the caller typed, with the ARN of `resources` that has this name.
fn by_asked(asked: &str, arns: &[String]) -> Target {
    let (typed_arn, name) = if asked.starts_with("arn:") {
        let base = without_selector(asked, 6);
        let resource = base.splitn(6, ':').nth(5).unwrap_or("");
        (Some(base.to_owned()), name_in_arn(resource).unwrap_or_else(|| base.to_owned()))
    } else {
        (None, without_selector(asked, 1).to_owned())
    };
    let names_it = |arn: &&String| {
        arn.splitn(6, ':').nth(5).is_some_and(|resource| {
            resource.strip_prefix("parameter/").is_some_and(|rest| rest == name.trim_start_matches('/'))
        })
    };
    let arn = arns.iter().find(names_it).cloned().or(typed_arn);
    Target { kind: TargetKind::Parameter, arn, name: Some(name), as_asked: Some(asked.to_owned()) }
}

/// Cuts `:version` or `:label` off, which stands behind the `fields`th colon-separated field.
fn without_selector(asked: &str, fields: usize) -> &str {
    asked.match_indices(':').nth(fields - 1).and_then(|(at, _)| asked.get(..at)).unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn versions_and_labels_are_not_part_of_the_name() {
        for asked in ["/a/b", "/a/b:3", "/a/b:prod"] {
            check(
                &format!(
                    r#"{{"eventSource":"ssm","eventName":"GetParameter","requestParameters":{{"name":"{asked}"}},"resources":[{{"ARN":"arn:aws:ssm:r:1:parameter/a/b"}}]}}"#
                ),
                &[&format!("parameter arn:aws:ssm:r:1:parameter/a/b /a/b {asked}")],
            );
        }
    }

    #[test]
    fn a_typed_arn_loses_its_selector() {
        check(
            r#"{"eventSource":"ssm","eventName":"GetParameter","requestParameters":{"name":"arn:aws:ssm:r:1:parameter/a/b:3"}}"#,
            &["parameter arn:aws:ssm:r:1:parameter/a/b /a/b arn:aws:ssm:r:1:parameter/a/b:3"],
        );
    }

    #[test]
    fn several_names_are_several_parameters_and_a_path_is_a_path() {
        check(
            r#"{"eventSource":"ssm","eventName":"GetParameters","requestParameters":{"names":["x","/y"]},"resources":[{"ARN":"arn:aws:ssm:r:1:parameter/x"},{"ARN":"arn:aws:ssm:r:1:parameter/y"}]}"#,
            &["parameter arn:aws:ssm:r:1:parameter/x x x", "parameter arn:aws:ssm:r:1:parameter/y /y /y"],
        );
        check(
            r#"{"eventSource":"ssm","eventName":"GetParametersByPath","requestParameters":{"path":"/a/","recursive":true}}"#,
            &["parameter_path - /a/ /a/"],
        );
    }
}
