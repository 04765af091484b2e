//! Any JSON, for tests of what is read from outside.

use proptest::prelude::*;
use serde_json::Value;

/// Any JSON of a modest size.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{0,8}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// `document` with any JSON in place of one to three of its parts.
pub(crate) fn bent(document: Value) -> impl Strategy<Value = Value> {
    let mut places = Vec::new();
    pointers(&document, "", &mut places);
    let change = (prop::sample::select(places), json());
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut bent = document.clone();
        for (place, value) in changes {
            // An earlier change may have taken the place away.
            if let Some(part) = bent.pointer_mut(&place) {
                *part = value;
            }
        }
        bent
    })
}

fn pointers(value: &Value, here: &str, places: &mut Vec<String>) {
    places.push(here.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| pointers(value, &format!("{here}/{name}"), places));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| pointers(value, &format!("{here}/{index}"), places));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}
