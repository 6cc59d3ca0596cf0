//! One blob: delivered once, whatever happens on the way.

use lakehand::{
    routing::{ledger::State, mark, outcome::Outcome},
    stores::{
        Condition, Fault,
        blobs::{Attributes, Blobs, Metadata},
    },
};

use super::{Lake, at, delivered, flaky::Trouble, repeated};

const MOVE: &str = r#"
[[route]]
name = "tables"
from = "landing/{set}/{file...}"
when = { extension = "csv" }
to = "processing/{set}/{file}"
"#;

const TARGET: &str = "processing/sales/x.csv";

#[tokio::test]
async fn a_file_moves_with_four_storage_calls() {
    let lake = Lake::new(MOVE).await;
    let metadata = Metadata::from([("owner".to_owned(), "crm".to_owned())]);
    let attributes =
        Attributes { content_type: Some("text/csv".to_owned()), metadata, ..Attributes::default() };
    lake.write_with("landing/sales/x.csv", "a,b", &attributes).await;
    assert_eq!(
        lake.arrive("landing/sales/x.csv").await.unwrap(),
        delivered("tables", "processing/sales/x.csv")
    );
    assert_eq!(lake.blobs.take_calls(), ["head", "copy", "head", "delete"]);
    assert_eq!(lake.read("processing/sales/x.csv").await.as_deref(), Some("a,b"));
    assert_eq!(lake.names("landing").await, [""; 0]);
    let there = lake.blobs.head(&at("processing/sales/x.csv")).await.unwrap();
    assert_eq!(there.content_type.as_deref(), Some("text/csv"));
    assert_eq!(there.metadata["owner"], "crm");
    assert_eq!(there.metadata[mark::ROUTE], "tables");
    assert_eq!(lake.steps("landing/sales/x.csv").await, ["delivered", "sourceRemoved"]);
}

#[tokio::test]
async fn a_repeat_has_no_second_effect() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    lake.blobs.delete(&at("processing/sales/x.csv"), &Condition::Always).await.unwrap();
    assert_eq!(
        lake.arrive("landing/sales/x.csv").await.unwrap(),
        repeated("processing/sales/x.csv")
    );
    assert_eq!(
        lake.names("processing").await,
        [""; 0],
        "a consumer took it; it must not come back"
    );
    assert_eq!(lake.steps("landing/sales/x.csv").await, ["delivered", "sourceRemoved"]);
}

#[tokio::test]
async fn an_event_for_a_blob_that_never_was_is_no_failure() {
    let lake = Lake::new(MOVE).await;
    assert_eq!(lake.arrive("landing/sales/never.csv").await.unwrap(), Outcome::Gone);
    assert!(matches!(lake.arrive("elsewhere/x.csv").await.unwrap(), Outcome::Ignored(_)));
}

/// Each operation fails, once without its effect and once with its effect and no answer; the next
/// delivery always completes the move, with one copy and one record.
#[tokio::test]
async fn whatever_fails_the_next_delivery_completes_the_move() {
    for operation in ["head", "copy", "delete"] {
        for trouble in
            [Trouble::Before(Fault::Unavailable), Trouble::Before(Fault::Denied), Trouble::After]
        {
            let lake = Lake::new(MOVE).await;
            lake.write("landing/sales/x.csv", "1").await;
            lake.blobs.trouble(operation, trouble);
            let error = lake.arrive("landing/sales/x.csv").await.unwrap_err();
            assert!(error.is_transient(), "{operation} {trouble:?}: {error}");
            let copies = lake.names("landing").await.len() + lake.names("processing").await.len();
            assert!(copies >= 1, "{operation} {trouble:?} lost the file");
            let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
            let recorded = operation == "delete";
            let wanted = if recorded { repeated(TARGET) } else { delivered("tables", TARGET) };
            assert_eq!(outcome, wanted, "{operation} {trouble:?}");
            assert_eq!(lake.names("landing").await, [""; 0]);
            assert_eq!(lake.names("processing").await, ["sales/x.csv"]);
            assert_eq!(lake.steps("landing/sales/x.csv").await, ["delivered", "sourceRemoved"]);
        }
    }
}

#[tokio::test]
async fn a_pending_copy_is_finished_later_and_the_source_stays_until_then() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    let copying = Outcome::Copying("processing/sales/x.csv".to_owned());
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), copying);
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), copying);
    assert_eq!(lake.names("landing").await, ["sales/x.csv"]);
    assert_eq!(lake.entry("landing/sales/x.csv").await.state, State::Copying);
    lake.blobs.settle();
    assert_eq!(
        lake.arrive("landing/sales/x.csv").await.unwrap(),
        delivered("tables", "processing/sales/x.csv")
    );
    assert_eq!(lake.steps("landing/sales/x.csv").await, ["copying", "delivered", "sourceRemoved"]);
}

#[tokio::test]
async fn new_content_during_a_move_is_an_arrival_of_its_own() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "old").await;
    lake.blobs.trouble("delete", Trouble::Before(Fault::Unavailable));
    lake.arrive("landing/sales/x.csv").await.unwrap_err();
    lake.write("landing/sales/x.csv", "new").await;
    let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert!(
        matches!(outcome, Outcome::Quarantined { .. }),
        "fail is the default policy: {outcome}"
    );
    assert_eq!(lake.read("processing/sales/x.csv").await.as_deref(), Some("old"));
    assert_eq!(lake.read("quarantine/landing/sales/x.csv").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_taken_name_is_left_replaced_or_versioned_as_the_route_says() {
    for (policy, kept, count) in [("fail", "old", 1), ("replace", "new", 1), ("version", "old", 2)]
    {
        let lake = Lake::new(&format!("{MOVE}on_conflict = \"{policy}\"\n")).await;
        lake.write("processing/sales/x.csv", "old").await;
        lake.write("landing/sales/x.csv", "new").await;
        let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
        assert_eq!(lake.read("processing/sales/x.csv").await.as_deref(), Some(kept), "{policy}");
        assert_eq!(lake.names("processing").await.len(), count, "{policy}");
        assert_eq!(lake.names("landing").await, [""; 0]);
        assert_eq!(matches!(outcome, Outcome::Quarantined { .. }), policy == "fail");
        if let Outcome::Delivered { destination, .. } = outcome {
            assert_eq!(lake.read(&destination).await.as_deref(), Some("new"));
        }
    }
}

#[tokio::test]
async fn a_version_is_the_same_at_every_delivery() {
    let lake = Lake::new(&format!("{MOVE}on_conflict = \"version\"\n")).await;
    lake.write("processing/sales/x.csv", "old").await;
    lake.write("landing/sales/x.csv", "new").await;
    lake.blobs.trouble("delete", Trouble::Before(Fault::Unavailable));
    lake.arrive("landing/sales/x.csv").await.unwrap_err();
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("processing").await.len(), 2);
}

#[tokio::test]
async fn an_original_is_never_overwritten_though_a_capture_names_it() {
    let lake = Lake::new(&format!("{MOVE}on_conflict = \"replace\"\n")).await;
    lake.write("processing/original/x.csv", "old").await;
    lake.write("landing/original/x.csv", "new").await;
    lake.arrive("landing/original/x.csv").await.unwrap();
    assert_eq!(lake.read("processing/original/x.csv").await.as_deref(), Some("old"));
    assert_eq!(lake.names("processing").await.len(), 2);
}

#[tokio::test]
async fn a_copy_keeps_its_source_and_is_made_once() {
    let lake = Lake::new(&format!("{MOVE}action = \"copy\"\ntier = \"Cool\"\n")).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    lake.blobs.take_calls();
    let again = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(again, repeated("processing/sales/x.csv"));
    assert_eq!(lake.blobs.take_calls(), ["head"], "the ledger knows it");
    assert_eq!(lake.names("landing").await, ["sales/x.csv"]);
    let there = lake.blobs.head(&at("processing/sales/x.csv")).await.unwrap();
    assert_eq!(there.tier.as_deref(), Some("Cool"));
    lake.write("landing/sales/x.csv", "2").await;
    let second = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert!(matches!(second, Outcome::Quarantined { .. }), "new content, taken name: {second}");
}

#[tokio::test]
async fn what_no_route_takes_is_quarantined_with_the_reason() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.exe", "1").await;
    let outcome = lake.arrive("landing/sales/x.exe").await.unwrap();
    let destination = "quarantine/landing/sales/x.exe";
    let reason = "no route takes it";
    assert_eq!(
        outcome,
        Outcome::Quarantined { reason: reason.to_owned(), destination: destination.to_owned() }
    );
    assert_eq!(lake.arrive("landing/sales/x.exe").await.unwrap(), repeated(destination));
    let there = lake.blobs.head(&at(destination)).await.unwrap();
    assert_eq!(there.metadata[mark::REASON], reason);
    assert_eq!(lake.names("quarantine").await.len(), 1);
}

#[tokio::test]
async fn a_destination_that_cannot_be_is_quarantined() {
    let config = r#"
[[route]]
name = "odd"
from = "landing/{set}/{file...}"
to = "{set}/{file}"
"#;
    let lake = Lake::new(config).await;
    lake.write("landing/landing/x", "1").await;
    lake.write("landing/Not A Container/x", "2").await;
    for (path, reason) in [
        ("landing/landing/x", "routed again"),
        ("landing/Not A Container/x", "not a container name"),
    ] {
        let outcome = lake.arrive(path).await.unwrap();
        let Outcome::Quarantined { reason: found, .. } = &outcome else { panic!("{outcome}") };
        assert!(found.contains(reason), "{found}");
    }
}

#[tokio::test]
async fn folders_and_our_own_writes_are_left_alone() {
    let lake = Lake::new(MOVE).await;
    let stub = Metadata::from([("hdi_isfolder".to_owned(), "True".to_owned())]);
    lake.write_with("landing/dir.csv", "", &Attributes { metadata: stub, ..Attributes::default() })
        .await;
    assert!(matches!(lake.arrive("landing/dir.csv").await.unwrap(), Outcome::Ignored(_)));
    let (path, source) = (at("landing/sales/own.csv"), at("elsewhere/x"));
    let mark = mark::mark(&source, &lakehand::stores::ETag::new("1"), &path);
    let metadata = Metadata::from([(mark::MARK.to_owned(), mark)]);
    lake.write_with(
        "landing/sales/own.csv",
        "1",
        &Attributes { metadata, ..Attributes::default() },
    )
    .await;
    assert!(matches!(lake.arrive("landing/sales/own.csv").await.unwrap(), Outcome::Ignored(_)));
    assert_eq!(lake.names("landing").await.len(), 2);
}

#[tokio::test]
async fn an_empty_file_waits_for_its_content_and_then_counts() {
    let mut lake = Lake::new(MOVE).await;
    lake.clock = time::OffsetDateTime::now_utc;
    lake.write("landing/sales/x.csv", "").await;
    assert!(matches!(lake.arrive("landing/sales/x.csv").await.unwrap(), Outcome::Settling(_)));
    assert_eq!(lake.names("landing").await, ["sales/x.csv"]);
    lake.clock = super::tomorrow;
    assert_eq!(
        lake.arrive("landing/sales/x.csv").await.unwrap(),
        delivered("tables", "processing/sales/x.csv")
    );
}

#[tokio::test]
async fn an_archived_blob_is_stuck_and_says_so_once() {
    let lake = Lake::new(MOVE).await;
    let attributes = Attributes { tier: Some("Archive".to_owned()), ..Attributes::default() };
    lake.write_with("landing/sales/x.csv", "1", &attributes).await;
    for _ in 0..3 {
        assert!(matches!(lake.arrive("landing/sales/x.csv").await.unwrap(), Outcome::Stuck(_)));
    }
    assert_eq!(lake.names("landing").await, ["sales/x.csv"]);
    assert_eq!(lake.steps("landing/sales/x.csv").await, ["stuck"]);
}

#[tokio::test]
async fn sixteen_deliveries_at_once_have_one_effect() {
    let lake = Lake::new(&format!("{MOVE}on_conflict = \"version\"\n")).await;
    lake.write("landing/sales/x.csv", "1").await;
    let arrivals = (0..16).map(|_| lake.arrive("landing/sales/x.csv"));
    for outcome in futures::future::join_all(arrivals).await {
        match outcome {
            Ok(Outcome::Delivered { .. } | Outcome::Repeated(_) | Outcome::Gone) => {}
            Ok(other) => panic!("{other}"),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("processing").await, ["sales/x.csv"]);
    assert_eq!(lake.names("landing").await, [""; 0]);
    assert_eq!(lake.steps("landing/sales/x.csv").await, ["delivered", "sourceRemoved"]);
}

#[tokio::test]
async fn a_missing_container_is_made() {
    let lake = Lake::new(&MOVE.replace("processing", "brand-new")).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("brand-new").await, ["sales/x.csv"]);
}

#[tokio::test]
async fn a_target_that_is_taken_at_once_was_delivered() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.blobs.trouble("copy", Trouble::Taken);
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), delivered("tables", TARGET));
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("processing").await, [""; 0], "it must not come a second time");
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn a_pending_copy_that_fails_leaves_the_name_free() {
    for policy in ["fail", "replace", "version"] {
        let lake = Lake::new(&format!("{MOVE}on_conflict = \"{policy}\"\n")).await;
        lake.write("landing/sales/x.csv", "old").await;
        lake.blobs.trouble("copy", Trouble::Pending);
        lake.arrive("landing/sales/x.csv").await.unwrap();
        lake.write("landing/sales/x.csv", "new").await;
        lake.blobs.fail();
        let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
        assert_eq!(outcome, delivered("tables", TARGET), "{policy}");
        assert_eq!(lake.read(TARGET).await.as_deref(), Some("new"), "{policy}");
        assert_eq!(lake.names("processing").await.len(), 1, "{policy}");
    }
}

#[tokio::test]
async fn a_pending_version_stays_the_only_copy_when_its_first_name_becomes_free() {
    let lake = Lake::new(&format!("{MOVE}on_conflict = \"version\"\n")).await;
    lake.write(TARGET, "old").await;
    lake.write("landing/sales/x.csv", "new").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    // The first copy meets the old file; the trouble is for the second one.
    let first = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert!(matches!(&first, Outcome::Copying(to) if to != TARGET), "{first}");
    lake.blobs.delete(&at(TARGET), &Condition::Always).await.unwrap();
    lake.blobs.settle();
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("processing").await.len(), 1);
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn a_version_whose_record_was_lost_stays_the_only_copy() {
    let lake = Lake::new(&format!("{MOVE}on_conflict = \"version\"\n")).await;
    lake.write(TARGET, "old").await;
    lake.write("landing/sales/x.csv", "new").await;
    lake.blobs.trouble("copy", Trouble::Version);
    lake.arrive("landing/sales/x.csv").await.unwrap_err();
    assert_eq!(lake.names("processing").await.len(), 2);
    lake.blobs.delete(&at(TARGET), &Condition::Always).await.unwrap();
    lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(lake.names("processing").await.len(), 1);
}

#[tokio::test]
async fn a_pending_quarantine_is_not_delivered_as_well() {
    let lake = Lake::new(MOVE).await;
    lake.write(TARGET, "old").await;
    lake.write("landing/sales/x.csv", "new").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    let first = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(first, Outcome::Copying("quarantine/landing/sales/x.csv".to_owned()));
    lake.blobs.delete(&at(TARGET), &Condition::Always).await.unwrap();
    lake.blobs.settle();
    let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Quarantined { reason, .. } if reason.contains("exists already")),
        "{outcome}"
    );
    assert_eq!(lake.names("processing").await, [""; 0]);
    assert_eq!(lake.names("quarantine").await, ["landing/sales/x.csv"]);
    assert_eq!(lake.names("landing").await, [""; 0]);
    assert_eq!(lake.entry("landing/sales/x.csv").await.state, State::Quarantined);
}

#[tokio::test]
async fn new_rules_do_not_send_a_pending_copy_twice() {
    let mut lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    lake.arrive("landing/sales/x.csv").await.unwrap();
    lake.active = Lake::new(&MOVE.replace("processing", "elsewhere")).await.active;
    lake.blobs.settle();
    let outcome = lake.arrive("landing/sales/x.csv").await.unwrap();
    assert_eq!(outcome, delivered("tables", TARGET));
    assert_eq!(lake.names("elsewhere").await, [""; 0]);
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn a_source_that_a_copy_left_stays_though_the_route_moves_now() {
    let mut lake = Lake::new(&format!("{MOVE}action = \"copy\"\n")).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    lake.active = Lake::new(MOVE).await.active;
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), repeated(TARGET));
    assert_eq!(lake.names("landing").await, ["sales/x.csv"]);
}

#[tokio::test]
async fn a_move_is_finished_though_its_route_is_gone() {
    let mut lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.blobs.trouble("delete", Trouble::Before(Fault::Unavailable));
    lake.arrive("landing/sales/x.csv").await.unwrap_err();
    lake.active = Lake::new(&MOVE.replace("tables", "renamed")).await.active;
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), repeated(TARGET));
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn a_late_note_does_not_undo_a_delivery() {
    let lake = Lake::new(&format!("{MOVE}action = \"copy\"\n")).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    let path = at("landing/sales/x.csv");
    let properties = lake.blobs.head(&path).await.unwrap();
    let source = lakehand::routing::Source { path, properties };
    let ledger = lake.routing().ledger;
    for state in [State::Waiting, State::Settling, State::Copying, State::Stuck] {
        ledger.note(&source, state, &Default::default()).await.unwrap();
    }
    assert_eq!(lake.entry("landing/sales/x.csv").await.state, State::Delivered);
}

#[tokio::test]
async fn a_blob_that_is_still_being_copied_into_the_landing_zone_waits() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.blobs.pend(at("landing/sales/x.csv"));
    assert!(matches!(lake.arrive("landing/sales/x.csv").await.unwrap(), Outcome::Settling(_)));
    assert_eq!(lake.names("processing").await, [""; 0]);
    lake.blobs.settle();
    assert_eq!(lake.arrive("landing/sales/x.csv").await.unwrap(), delivered("tables", TARGET));
}

/// A name cannot lead a file to where the rules lie, also not by way of the quarantine.
#[tokio::test]
async fn no_name_reaches_the_rules() {
    let mut lake = Lake::new("[landing]\nquarantine = \"{path}/x\"\n").await;
    lake.active.config.own_container = Some("rules".to_owned());
    lake.write("landing/rules/more", "mine").await;
    lake.write("landing/landing/more", "loop").await;
    for path in ["landing/rules/more", "landing/landing/more"] {
        let outcome = lake.arrive(path).await.unwrap();
        assert!(matches!(outcome, Outcome::Stuck(_)), "{outcome}");
    }
    assert_eq!(lake.names("rules").await, [""; 0]);
    assert_eq!(lake.names("landing").await.len(), 2, "nothing is lost either");
}

#[tokio::test]
async fn a_person_finds_the_ledger_with_any_sqlite_tool() {
    let lake = Lake::new(MOVE).await;
    lake.write("landing/sales/x.csv", "1").await;
    lake.arrive("landing/sales/x.csv").await.unwrap();
    let file = lake.folder.path().join(".lakehand/lakehand.db");
    let database = rusqlite::Connection::open(file).unwrap();
    let one = |query: &str| -> String { database.query_row(query, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        one("SELECT state || ' ' || destination FROM ledger"),
        format!("delivered {TARGET}")
    );
    assert_eq!(one("SELECT group_concat(step) FROM steps"), "delivered,sourceRemoved");
}
