#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{super::stop::Stopper, *};

/// A worker made of one line for the shell.
fn shell(line: &str) -> Program {
    Program {
        name: "the worker".to_owned(),
        executable: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), line.to_owned()],
        environment: [("LAKEHAND_LANDING".to_owned(), "arrivals".to_owned())].into(),
        root: std::env::temp_dir(),
        initialization: Duration::from_millis(200),
    }
}

async fn until_given_up(line: &str) -> (String, State) {
    let (state, listening) = watch::channel(State::Starting);
    let (_stopper, stop) = Stopper::new();
    let report = Report { verbose: false };
    let gave_up = supervise(shell(line), state, report, stop).await.unwrap_err();
    let last = *listening.borrow();
    (gave_up.to_string(), last)
}

#[tokio::test]
async fn the_third_failure_ends_it_with_the_last_words() {
    let (message, state) =
        until_given_up("for word in one two three four; do echo $word >&2; done; exit 7").await;
    assert!(message.starts_with("Exceeded http worker restart retry count."), "{message}");
    assert!(message.ends_with("left with exit code 7:\n  two\n  three\n  four"), "{message}");
    assert_eq!(state, State::Gone);
}

#[tokio::test]
async fn a_worker_that_never_listens_is_a_failure() {
    let (message, _) = until_given_up("exec sleep 600").await;
    assert!(message.contains("Initializing HttpWorker timed out"), "{message}");
    let (message, _) = until_given_up("exit 0").await;
    assert!(message.contains("Initializing HttpWorker timed out"), "{message}");
}

#[tokio::test]
async fn a_killed_worker_is_a_failure() {
    let (message, _) = until_given_up("kill -9 $$").await;
    assert!(message.ends_with("was killed"), "{message}");
}

#[tokio::test]
async fn the_environment_is_the_hosts() {
    let (message, _) = until_given_up(
        "test $FUNCTIONS_CUSTOMHANDLER_PORT = $FUNCTIONS_HTTPWORKER_PORT &&
         test $FUNCTIONS_CUSTOMHANDLER_WORKER_ID = $FUNCTIONS_HTTPWORKER_ID &&
         test $FUNCTIONS_APP_ROOT_PATH = \"$PWD\" &&
         test -z \"$HOME\" && echo $LAKEHAND_LANDING >&2; exit 1",
    )
    .await;
    assert!(message.ends_with("\n  arrivals"), "{message}");
}

#[tokio::test]
async fn a_worker_ends_when_its_input_does_or_is_killed() {
    for line in ["exec cat", "exec sleep 600"] {
        let (state, _listening) = watch::channel(State::Starting);
        let (stopper, stop) = Stopper::new();
        let mut program = shell(line);
        program.initialization = Duration::from_secs(600);
        let report = Report { verbose: false };
        let supervisor = tokio::spawn(supervise(program, state, report, stop));
        stopper.stop();
        supervisor.await.unwrap().unwrap();
    }
}
