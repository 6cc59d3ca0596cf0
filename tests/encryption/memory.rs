//! The memory setting bounds the process, however many requests come at once.

use futures::future::join_all;
use serde_json::json;

use super::Site;

/// The setting, in MiB.
const ALLOWED: u64 = 80;

/// What a process has beside its work, in MiB.
const BESIDE: u64 = 32;

/// As the example of local settings has it: glibc gives large buffers back to the system.
const GIVE_BACK: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "4194304");

#[tokio::test]
async fn files_at_once_stay_within_the_setting_together() {
    let allowed = ALLOWED.to_string();
    let settings = [("LAKEHAND_MEMORY", allowed.as_str()), GIVE_BACK];
    let site = Site::new(false, &settings).await;
    let line = format!("1,a@x.org,{}\n", "x".repeat(64 << 10));
    let content = format!("id,email,note\n{}", line.repeat(560));
    for number in 0..5 {
        site.write(&format!("processing/{number}.csv"), content.clone()).await;
    }
    let order = |number: usize| {
        json!({ "source": format!("processing/{number}.csv"),
            "destination": format!("curated/{number}.csv"), "policy": "pii" })
    };
    for (status, answer) in join_all((0..5).map(|number| site.encrypt(order(number)))).await {
        assert_eq!(status, 200, "{answer}");
    }
    match site.worker.peak_memory() {
        Some(peak) => assert!(peak >> 10 < ALLOWED + BESIDE, "the worker held {peak} KiB"),
        None => println!("skipped: this system does not say how much memory a process held"),
    }
}
