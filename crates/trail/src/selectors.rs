//! Event selectors set by PutEventSelectors (and the event data stores' calls), basic and advanced alike.
//!
//! A trail is blinded by dropping management events, a source, or reads; each has a basic and an advanced form.
//! Source: CloudTrail API Reference, PutEventSelectors, EventSelector, AdvancedFieldSelector.

use snowtrail_model::event::{EventSelector, FieldSelector};

use crate::target::Call;
use crate::view::View;

/// Operators of an advanced selector, in the spelling of the column.
const OPERATORS: [&str; 6] =
    ["equals", "notEquals", "startsWith", "notStartsWith", "endsWith", "notEndsWith"];

/// The selectors that the call sets; where the request was left out, those that the answer repeats.
pub(crate) fn selectors(call: &Call<'_>) -> Vec<EventSelector> {
    if call.source != "cloudtrail.amazonaws.com" {
        return Vec::new();
    }
    let part = if call.request.is_empty() { &call.response } else { &call.request };
    let list = |key: &str| part.get_any_case(key).into_iter().flat_map(View::elements);
    list("eventSelectors").map(basic).chain(list("advancedEventSelectors").map(advanced)).collect()
}

fn basic(view: View<'_>) -> EventSelector {
    let object = view.object();
    let excluded = object.get_any_case("excludeManagementEventSources");
    EventSelector {
        form: "basic".to_owned(),
        read_write_type: object.text("readWriteType"),
        include_management_events: object.get_any_case("includeManagementEvents").and_then(View::bool),
        excluded_sources: excluded.map(View::strings).unwrap_or_default(),
        fields: Vec::new(),
    }
}

fn advanced(view: View<'_>) -> EventSelector {
    let object = view.object();
    let conditions = object.get_any_case("fieldSelectors").into_iter().flat_map(View::elements);
    EventSelector {
        form: "advanced".to_owned(),
        fields: conditions.flat_map(fields).collect(),
        ..Default::default()
    }
}

/// One entry for each operator of one condition.
fn fields(view: View<'_>) -> Vec<FieldSelector> {
    let object = view.object();
    let Some(field) = object.text("field") else { return Vec::new() };
    let of_operator = |operator: &str| {
        let values = object.get_any_case(operator)?.strings();
        let is_set = !values.is_empty();
        is_set.then(|| FieldSelector { field: field.clone(), operator: operator.to_owned(), values })
    };
    OPERATORS.into_iter().filter_map(of_operator).collect()
}
