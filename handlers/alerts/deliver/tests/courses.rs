//! When a message is tried again.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{
    answer::Outcome,
    channel::Pace,
    course::{Course, Step},
};

const SECOND: Duration = Duration::from_secs(1);

fn course() -> Course {
    Course::new(Pace { tries: 4, pause: SECOND, longest: 3 * SECOND, ..Pace::default() })
}

fn busy(after: Option<u64>) -> Outcome {
    Outcome::Retry { after: after.map(Duration::from_secs), reason: "busy".to_owned() }
}

fn perhaps() -> Outcome {
    Outcome::Ambiguous("reset".to_owned())
}

#[test]
fn pauses_grow_up_to_a_limit_and_tries_end() {
    let mut course = course();
    for seconds in [1, 2, 3] {
        assert_eq!(course.next(busy(None), 60 * SECOND, 1.0), Step::Wait(seconds * SECOND));
    }
    assert_eq!(course.next(busy(None), 60 * SECOND, 1.0), Step::End(busy(None)));
}

#[test]
fn chance_takes_up_to_half_of_a_pause() {
    assert_eq!(course().next(busy(None), 60 * SECOND, 0.0), Step::Wait(SECOND / 2));
    assert_eq!(course().next(busy(None), 60 * SECOND, 0.5), Step::Wait(SECOND * 3 / 4));
}

#[test]
fn a_wish_is_granted_if_there_is_time() {
    let Step::Wait(pause) = course().next(busy(Some(30)), 60 * SECOND, 1.0) else {
        panic!("there is time")
    };
    assert!(pause >= 30 * SECOND && pause < 31 * SECOND, "{pause:?}");
    for after in [60, 61, u64::MAX] {
        let end = course().next(busy(Some(after)), 60 * SECOND, 1.0);
        assert_eq!(end, Step::End(busy(Some(after))), "the wish is handed on");
    }
}

#[test]
fn what_is_certain_ends_at_once() {
    for certain in [Outcome::Accepted, Outcome::Refused("no".to_owned())] {
        assert_eq!(course().next(certain.clone(), 60 * SECOND, 1.0), Step::End(certain));
    }
}

#[test]
fn what_may_have_arrived_is_repeated_once() {
    let mut course = course();
    assert_eq!(course.next(perhaps(), 60 * SECOND, 1.0), Step::Wait(SECOND));
    assert_eq!(course.next(perhaps(), 60 * SECOND, 1.0), Step::End(perhaps()));
}

#[test]
fn what_may_have_arrived_stays_so_when_the_repeat_fails() {
    let mut course = course();
    assert_eq!(course.next(perhaps(), 60 * SECOND, 1.0), Step::Wait(SECOND));
    assert!(matches!(course.next(busy(None), 60 * SECOND, 1.0), Step::Wait(_)));
    assert_eq!(course.next(busy(None), SECOND, 1.0), Step::End(perhaps()));
}

proptest! {
    #[test]
    fn no_course_repeats_twice_or_overruns(
        kinds in proptest::collection::vec((0_u8..2, 0_u64..5, 0.0_f64..1.0), 1..20),
        left in 0_u64..20,
    ) {
        let (mut course, mut left) = (course(), Duration::from_secs(left));
        let (mut tries, mut ambiguous) = (0, 0);
        for (kind, after, chance) in kinds {
            tries += 1;
            ambiguous += u32::from(kind == 0);
            let outcome = if kind == 0 { perhaps() } else { busy(Some(after)) };
            match course.next(outcome, left, chance) {
                Step::Wait(pause) => {
                    prop_assert!(pause < left);
                    left -= pause;
                }
                Step::End(_) => break,
            }
        }
        prop_assert!(tries <= 4 && ambiguous <= 2);
    }
}
