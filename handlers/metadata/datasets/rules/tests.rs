//! Tests of the rules of datasets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("an object") };
    object
}

fn at(status: Status) -> Event {
    let at = "2026-12-01T06:00:00Z".to_owned();
    Event { status, at, by: "api".to_owned(), ..Event::default() }
}

fn dataset(status: Status) -> Dataset {
    Dataset::begin("d", Facts::default(), at(status))
}

#[test]
fn states_follow_each_other_as_the_table_says() {
    use Status::{Archived, Failed, Landing, Processing, Quarantined, Ready, Received};
    let after_work = [Received, Processing, Ready, Failed, Quarantined, Archived];
    for (from, wanted) in [
        (Landing, &STATUSES[..]),
        (Received, &STATUSES[1..]),
        (Processing, &STATUSES[2..]),
        (Ready, &after_work[..]),
        (Failed, &after_work[..]),
        (Quarantined, &after_work[..]),
        (Archived, &[Archived][..]),
    ] {
        for to in STATUSES {
            let moved = dataset(from).apply(at(to)).is_ok();
            assert_eq!(moved, wanted.contains(&to), "{from} to {to}");
        }
    }
}

#[test]
fn a_refusal_names_what_is_allowed_and_what_is_there() {
    let error = dataset(Status::Processing).apply(at(Status::Landing)).unwrap_err();
    let problem = error.problem(None);
    assert_eq!(problem["status"], 409);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("to ready, failed, quarantined, archived"), "{detail}");
    assert_eq!(problem["current"]["status"], "processing");
}

#[test]
fn only_a_new_delivery_takes_an_archived_dataset_back() {
    let mut archived = dataset(Status::Archived);
    archived.delivery = Some(2);
    let again = |delivery| Event { delivery, ..at(Status::Received) };
    assert!(archived.clone().apply(again(None)).is_err());
    assert!(archived.clone().apply(again(Some(2))).is_err());
    archived.apply(again(Some(3))).unwrap();
    assert_eq!((archived.status, archived.delivery), (Status::Received, Some(3)));
}

#[test]
fn a_history_is_bounded_and_says_what_it_lost() {
    let mut dataset = dataset(Status::Ready);
    for n in 0..250 {
        let reason = Some(format!("{n} {}", "x".repeat(5_000)));
        dataset.apply(Event { reason, ..at(Status::Failed) }).unwrap();
    }
    assert_eq!((dataset.history.len(), dataset.history_dropped), (MOST_CHANGES, 151));
    assert!(dataset.history.last().unwrap().reason.as_ref().unwrap().starts_with("249 "));
    assert!(serde_json::to_vec(&dataset).unwrap().len() < 200_000);
}

#[test]
fn the_largest_record_is_far_below_what_a_store_takes() {
    let tags: Map<String, Value> =
        (0..MOST_TAGS).map(|n| (format!("{n:0>128}"), json!("é".repeat(512)))).collect();
    let inputs = vec!["é".repeat(200); MOST_INPUTS];
    let draft = read_draft(object(json!({"tags": tags, "inputs": inputs}))).unwrap();
    let mut dataset = Dataset::begin(&"é".repeat(200), draft.facts(), at(Status::Ready));
    for _ in 0..MOST_CHANGES {
        let reason = Some("\u{1}".repeat(2_000));
        dataset.note(Event { reason, by: "b".repeat(128), ..at(Status::Failed) });
    }
    let size = serde_json::to_vec(&dataset).unwrap().len();
    assert!(size < 1_000_000, "{size}");
}

/// Appendix A of RFC 7396.
#[test]
fn a_merge_patch_does_what_its_examples_say() {
    for (original, patch, wanted) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let mut merged = original.clone();
        merge(&mut merged, &patch);
        assert_eq!(merged, wanted, "{original} {patch}");
    }
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let mut dataset = dataset(Status::Ready);
    dataset.facts.owner = Some("sales".to_owned());
    dataset.facts.tags = [("a", "1"), ("b", "2")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let patch = json!({"files": 3, "tags": {"a": null, "c": "3"}, "status": "failed"});
    let draft = patched(&dataset, &object(patch)).unwrap();
    assert_eq!(draft.status, Some(Status::Failed));
    let facts = draft.facts();
    assert_eq!((facts.files, facts.owner.as_deref()), (3, Some("sales")));
    assert_eq!(facts.tags.into_iter().collect::<Vec<_>>().len(), 2);
    let none = patched(&dataset, &object(json!({"tags": null, "owner": null}))).unwrap();
    assert_eq!((none.tags.len(), none.owner), (0, None));
}

#[test]
fn a_patch_of_what_is_not_the_callers_is_refused_by_name() {
    let fields = |patch: Value| match patched(&dataset(Status::Ready), &object(patch)) {
        Err(Error::Fields(wrong)) => wrong.into_iter().map(|it| it.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let patch = json!({"createdAt": "x", "history": null, "etag": "1", "statu": "ready"});
    assert_eq!(fields(patch), ["createdAt", "history", "etag", "statu"]);
    assert_eq!(fields(json!({"stat": null})), ["stat"]);
    assert_eq!(fields(json!({"status": null})), ["status"]);
    let patch = json!({"status": "done", "files": -1, "tags": {"x": 1}, "bytes": 9e15});
    assert_eq!(fields(patch), ["files", "bytes", "status", "tags.x"]);
}

#[test]
fn what_is_too_much_is_refused_by_name() {
    let tags: Map<String, Value> = (0..51).map(|n| (n.to_string(), json!("x"))).collect();
    let body = json!({
        "path": "x".repeat(1_025), "by": "\0", "files": 9_007_199_254_740_992_u64,
        "tags": tags, "inputs": ["", "ok"], "runId": "",
    });
    let Err(Error::Fields(wrong)) = read_draft(object(body)) else { panic!("it was taken") };
    let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, ["path", "by", "runId", "files", "tags", "inputs[0]"]);
}
