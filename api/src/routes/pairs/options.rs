//! The options of a pair on the wire: every wrong field is named at once, unknown ones are refused.

mod schema;

use std::{borrow::Cow, sync::LazyLock};

use domain::rules::{PairOptions, RuleError, Rules};
use serde::Deserialize as _;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use store::StoreError;

pub(crate) use schema::PairOptionsDoc;

use crate::{body, error::ApiError};

/// Options as a request gives them.
pub(crate) type Given = Map<String, Value>;

/// `base` with the fields that are given; null puts a field back to its default.
pub(super) fn read(given: &Given, base: &PairOptions) -> Result<(PairOptions, Rules), ApiError> {
    let (options, mut errors) = merge(given, base)?;
    match Rules::compile(&options) {
        Ok(rules) if errors.is_empty() => Ok((options, rules)),
        Ok(_) => Err(ApiError::InvalidOptions(errors)),
        Err(wrong) => {
            errors.extend(wrong);
            Err(ApiError::InvalidOptions(errors))
        }
    }
}

/// Options as they are shown, from what is kept: all fields. Most pairs have the defaults, which are written once.
pub(super) fn shown(kept: &Value) -> Result<Cow<'static, RawValue>, ApiError> {
    static DEFAULTS: LazyLock<Option<Box<RawValue>>> = LazyLock::new(|| to_raw_value(&PairOptions::default()).ok());
    let defaults = kept.as_object().filter(|fields| fields.is_empty()).and(DEFAULTS.as_deref());
    if let Some(defaults) = defaults {
        return Ok(Cow::Borrowed(defaults));
    }
    let options = PairOptions::deserialize(kept).map_err(StoreError::from)?;
    to_raw_value(&options).map(Cow::Owned).map_err(ApiError::internal)
}

/// The rules of options that are on record; only a version that knows more or less than ours can have left wrong ones.
pub(super) fn compile(options: &PairOptions) -> Result<Rules, ApiError> {
    Rules::compile(options).map_err(ApiError::InvalidOptions)
}

/// Options as they are kept: what is at its default is left out.
pub(super) fn stored(options: &PairOptions) -> Result<Value, ApiError> {
    let mut fields = object(options)?;
    let defaults = object(&PairOptions::default())?;
    fields.retain(|name, value| defaults.get(name) != Some(value));
    Ok(Value::Object(fields))
}

/// The fields of the right shape over `base`, and what is wrong with the others.
fn merge(given: &Given, base: &PairOptions) -> Result<(PairOptions, Vec<RuleError>), ApiError> {
    let mut fields = object(base)?;
    let defaults = object(&PairOptions::default())?;
    let mut errors = Vec::new();
    for (name, value) in given {
        let Some(default) = defaults.get(name) else {
            errors.push(RuleError::new(name.as_str(), "there is no such option"));
            continue;
        };
        if value.is_null() {
            fields.insert(name.clone(), default.clone());
            continue;
        }
        let alone = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        match serde_path_to_error::deserialize::<_, PairOptions>(&alone) {
            Ok(read) => {
                let read = object(&read)?.remove(name).unwrap_or_default();
                unknown(value, &read, name, &mut errors);
                fields.insert(name.clone(), read);
            }
            Err(error) => errors.push(RuleError::new(error.path().to_string(), body::detail(error.inner()))),
        }
    }
    let options = serde_json::from_value(Value::Object(fields)).map_err(ApiError::internal)?;
    Ok((options, errors))
}

/// Names what is in `given` and was not read.
fn unknown(given: &Value, read: &Value, path: &str, errors: &mut Vec<RuleError>) {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (name, value) in given {
                let path = format!("{path}.{name}");
                match read.get(name) {
                    Some(read) => unknown(value, read, &path, errors),
                    None => errors.push(RuleError::new(path, "there is no such option")),
                }
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            for (index, (given, read)) in given.iter().zip(read).enumerate() {
                unknown(given, read, &format!("{path}[{index}]"), errors);
            }
        }
        _ => {}
    }
}

fn object(options: &PairOptions) -> Result<Given, ApiError> {
    match serde_json::to_value(options).map_err(ApiError::internal)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(ApiError::internal("options are not an object")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use salvo::oapi::{Components, RefOr, Schema, ToSchema};
    use serde_json::json;

    use super::*;

    fn given(json: Value) -> Given {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn all_fields_are_shown_whatever_is_kept() {
        for kept in [json!({}), json!({ "replies_only": true }), json!({ "of_a_newer_version": 1 })] {
            let shown: Value = serde_json::from_str(shown(&kept).unwrap().get()).unwrap();
            let options = PairOptions::deserialize(&kept).unwrap();
            assert_eq!(shown, serde_json::to_value(options).unwrap(), "{kept}");
        }
        assert!(matches!(shown(&json!({ "replies_only": 5 })), Err(ApiError::Internal(_))));
    }

    fn wrong(json: Value) -> Vec<String> {
        match read(&given(json), &PairOptions::default()) {
            Err(ApiError::InvalidOptions(errors)) => errors.into_iter().map(|error| error.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let found = wrong(json!({
            "headr": "x", "footer": 7, "deny": { "words": ["fine"], "word": [] }, "bots": "some",
            "replace": [{ "pattern": "(", "wiht": "" }], "media": { "allow": ["photo", "pohto"] }, "time_zone": "Mars",
        }));
        let mut wanted = vec![
            "headr",
            "footer",
            "deny.word",
            "bots",
            "replace[0].wiht",
            "replace[0].pattern",
            "media.allow[1]",
            "time_zone",
        ];
        wanted.sort_unstable();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_value_is_not_repeated() {
        let Err(ApiError::InvalidOptions(errors)) =
            read(&given(json!({ "strip_links": "my secret" })), &PairOptions::default())
        else {
            panic!("it must be refused")
        };
        assert!(!errors[0].to_string().contains("my secret"), "{errors:?}");
    }

    #[test]
    fn what_is_given_replaces_what_was_and_null_forgets_it() {
        let base = PairOptions { header: Some("h".into()), strip_links: true, ..PairOptions::default() };
        let (changed, _) = read(&given(json!({ "footer": "f", "strip_links": null })), &base).unwrap();
        let wanted = PairOptions { header: Some("h".into()), footer: Some("f".into()), ..PairOptions::default() };
        assert_eq!(changed, wanted);
        assert_eq!(stored(&changed).unwrap(), json!({ "header": "h", "footer": "f" }));
        assert_eq!(stored(&PairOptions::default()).unwrap(), json!({}));
    }

    #[test]
    fn the_document_names_the_fields_that_are_read() {
        let mut components = Components::new();
        let schema = PairOptionsDoc::to_schema(&mut components);
        let RefOr::Ref(reference) = schema else { panic!("the schema has a name") };
        let name = reference.ref_location.rsplit('/').next().unwrap();
        let Some(RefOr::Type(Schema::Object(documented))) = components.schemas.get(name) else {
            panic!("{name} is an object")
        };
        let mut documented: Vec<&str> = documented.properties.keys().map(String::as_str).collect();
        documented.sort_unstable();
        let mut read: Vec<String> = object(&PairOptions::default()).unwrap().keys().cloned().collect();
        read.sort_unstable();
        assert_eq!(documented, read);
    }

    /// Options with a value that no field may have, or any.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let names =
                prop::sample::select(vec!["words", "regexes", "pattern", "with", "allow", "deny", "hours", "mon", "x"]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((names, inner), 0..4).prop_map(|fields| {
                    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_options_are_read_or_every_wrong_one_is_named(
            fields in prop::collection::hash_map(
                prop::sample::select(object(&PairOptions::default()).unwrap().keys().cloned().collect::<Vec<_>>()),
                any_value(),
                0..4,
            ),
        ) {
            let given: Given = fields.into_iter().collect();
            match read(&given, &PairOptions::default()) {
                Ok((options, _)) => {
                    let kept = stored(&options).unwrap();
                    prop_assert_eq!(serde_json::from_value::<PairOptions>(kept).unwrap(), options);
                }
                Err(ApiError::InvalidOptions(errors)) => {
                    prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.path.is_empty()));
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
