//! Any value against `serde_json`.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn keys() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-c.\"\\\\é]{0,3}", any::<String>()]
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((keys(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What a value becomes if all leaves of a path are `R`.
fn expected(value: &Value, path: &str, column: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| expected(item, path, column)).collect(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                let path =
                    if path.is_empty() { key.clone() } else { format!("{}.{key}", &path[1..]) };
                (key.clone(), expected(value, &format!(".{path}"), column))
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Null => Value::Null,
        _ if path.strip_prefix('.') == Some(column) => "R".into(),
        _ => value.clone(),
    }
}

proptest! {
    #[test]
    fn the_leaves_of_a_path_change_and_nothing_else(
        value in values(),
        pick in any::<prop::sample::Index>(),
        pretty in any::<bool>(),
    ) {
        let file = if pretty {
            serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r")
        } else {
            value.to_string()
        };
        let names = names(&file);
        prop_assert_eq!(&protected(&file, &[]).unwrap().0, &file);
        if names.is_empty() {
            return Ok(());
        }
        let column = names[pick.index(names.len())].as_str();
        // Elsewhere the same path may lead to an object.
        let replace = crate::encryption::text::testing::replace("R");
        if let Ok((out, _)) = protected(&file, &[(column, replace)]) {
            let read: Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(read, expected(&serde_json::from_str(&file).unwrap(), "", column));
            let (out, _) = protected(&file, &[(column, Method::Randomized)]).unwrap();
            let back = opened(&out, &[column]).unwrap();
            prop_assert_eq!(back, file);
        }
    }

    #[test]
    fn what_is_accepted_is_what_serde_json_accepts(
        line in "[{}\\[\\]:,\"\\\\ntu0-9.eE+ atrulsf-]{0,12}",
        prefix in prop_oneof![Just(""), Just("{\"a\":"), Just("[1,"), Just("\"\\u00"), Just("-1.")],
    ) {
        let text = format!("{prefix}{line}");
        prop_assume!(!text.trim().is_empty());
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(protected(&text, &[]).is_ok(), valid, "{}", text);
    }
}
