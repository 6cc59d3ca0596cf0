use time::macros::datetime;

use super::*;

const T0: OffsetDateTime = datetime!(2026-12-01 06:00 UTC);

const SPACING: Spacing =
    Spacing { window: Duration::from_secs(300), repeat: Duration::from_secs(4 * 3600) };

fn at(seconds: i64) -> OffsetDateTime {
    T0 + time::Duration::seconds(seconds)
}

fn incident() -> Incident {
    Incident { id: "i".to_owned(), pipeline: Some("p".to_owned()), ..Incident::default() }
}

fn notice(occasion: Occasion, outcome: Fate, at: OffsetDateTime) -> Said {
    Said { at, occasion, channel: "on-call".to_owned(), outcome, reason: None }
}

/// Says what is due, with this outcome.
fn tell(record: Record, outcome: Fate, now: OffsetDateTime) -> (Occasion, Record) {
    let Due::Now(occasion) = due(&record, now) else { panic!("{:?}", due(&record, now)) };
    let claimed = claim(record, occasion, "w1", now);
    assert_eq!(due(&claimed, now), Due::Claimed, "nobody else says it");
    let taken = claimed.told.claim.clone().unwrap();
    (occasion, said(claimed, &taken, vec![notice(occasion, outcome, now)], &SPACING, now))
}

fn open() -> Record {
    let (occasion, record) = tell(fired(None, incident(), T0), Fate::Delivered, T0);
    assert_eq!(occasion, Occasion::Opened);
    record
}

#[test]
fn the_first_is_told_at_once_and_the_rest_of_its_window_together() {
    let mut record = open();
    assert_eq!(due(&record, at(0)), Due::Nothing);
    for second in 1..=50 {
        record = fired(Some(record), incident(), at(second));
        assert_eq!(due(&record, at(second)), Due::Gathered(at(300)));
    }
    assert_eq!((record.reports, record.examples.len()), (51, MOST_EXAMPLES));
    let (occasion, record) = tell(record, Fate::Delivered, at(300));
    assert_eq!((occasion, record.told.unsaid, record.examples.len()), (Occasion::Summary, 0, 0));
    let record = fired(Some(record), incident(), at(301));
    assert_eq!(due(&record, at(301)), Due::Gathered(at(600)));
}

#[test]
fn what_comes_long_after_is_told_at_once() {
    let record = fired(Some(open()), incident(), at(1000));
    assert_eq!(due(&record, at(1000)), Due::Now(Occasion::Summary));
}

#[test]
fn reports_during_a_summary_are_not_lost() {
    let record = fired(Some(open()), incident(), at(1));
    let claimed = claim(record, Occasion::Summary, "w1", at(300));
    let taken = claimed.told.claim.clone().unwrap();
    let more = fired(Some(claimed), incident(), at(301));
    let record = said(
        more,
        &taken,
        vec![notice(Occasion::Summary, Fate::Stored, at(302))],
        &SPACING,
        at(302),
    );
    assert_eq!(record.told.unsaid, 1);
    assert_eq!(due(&record, at(303)), Due::Gathered(at(602)));
}

#[test]
fn a_failed_send_is_no_duplicate_when_it_is_tried_again() {
    let (_, record) = tell(fired(None, incident(), T0), Fate::Failed, T0);
    let before = key(&record);
    let record = fired(Some(record), incident(), at(1));
    assert_eq!(key(&record), before, "the same notice");
    let (occasion, record) = tell(record, Fate::Stored, at(1));
    assert_eq!(occasion, Occasion::Opened);
    assert_ne!(key(&record), before, "the next notice");
    assert_eq!(due(&record, at(2)), Due::Gathered(at(301)));
}

#[test]
fn a_worker_that_dies_while_it_tells_is_followed_by_another() {
    let record = claim(fired(None, incident(), T0), Occasion::Opened, "w1", T0);
    assert_eq!(due(&record, at(299)), Due::Claimed);
    assert_eq!(due(&record, at(300)), Due::Now(Occasion::Opened));
}

#[test]
fn reminders_come_until_somebody_looks_after_it() {
    let record = open();
    assert_eq!(due(&record, at(4 * 3600 - 1)), Due::Nothing);
    let (occasion, record) = tell(record, Fate::Delivered, at(4 * 3600));
    assert_eq!((occasion, due(&record, at(4 * 3600 + 1))), (Occasion::Reminder, Due::Nothing));
    let by = Acknowledgement { by: "kim".to_owned(), at: at(5 * 3600), note: None };
    let record = acknowledged(record, by).unwrap();
    assert_eq!(due(&record, at(30 * 3600)), Due::Nothing);
    let record = fired(Some(record), incident(), at(31 * 3600));
    assert_eq!(due(&record, at(31 * 3600)), Due::Now(Occasion::Summary), "news are told");
}

#[test]
fn an_end_is_told_once_and_the_same_cause_opens_it_again() {
    let record = resolved(open(), at(60)).unwrap();
    let (occasion, record) = tell(record, Fate::Delivered, at(60));
    assert_eq!((occasion, due(&record, at(9999))), (Occasion::Resolved, Due::Nothing));
    assert_eq!(resolved(record.clone(), at(61)), None);
    let by = Acknowledgement { by: "kim".to_owned(), at: at(61), note: None };
    assert_eq!(acknowledged(record.clone(), by), None);
    let number = record.told.number;
    let again = fired(Some(record), incident(), at(9999));
    assert_eq!((again.reports, again.told.number, again.told.notices.len()), (1, number, 2));
    assert_eq!(due(&again, at(9999)), Due::Now(Occasion::Opened));
}

#[test]
fn what_ended_before_anybody_heard_of_it_is_told() {
    let (_, record) = tell(fired(None, incident(), T0), Fate::Failed, T0);
    let record = resolved(record, at(10)).unwrap();
    let (occasion, record) = tell(record, Fate::Delivered, at(10));
    assert_eq!(occasion, Occasion::Opened);
    assert_eq!(due(&record, at(11)), Due::Now(Occasion::Resolved));
}

#[test]
fn what_no_channel_wants_to_hear_counts_as_told() {
    let claimed = claim(fired(None, incident(), T0), Occasion::Opened, "w1", T0);
    let taken = claimed.told.claim.clone().unwrap();
    let record = said(claimed, &taken, Vec::new(), &SPACING, T0);
    assert_eq!(due(&record, at(1)), Due::Nothing);
}

#[test]
fn notices_do_not_pile_up() {
    let mut record = open();
    for day in 1..100 {
        (_, record) = tell(record, Fate::Delivered, at(day * 86_400));
    }
    assert_eq!(record.told.notices.len(), MOST_NOTICES);
    assert_eq!(record.told.notices[MOST_NOTICES - 1].at, at(99 * 86_400));
}
