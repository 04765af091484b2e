//! Ends a process together with what came from it, all by SIGKILL: the children of a killed PostgreSQL would otherwise
//! finish what they are doing.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How often it is looked whether they are gone.
const LOOK_PERIOD: Duration = Duration::from_millis(5);

/// Kills `parent` and its children; returns the children, which may take a moment to be gone.
pub fn kill_family(parent: Pid) -> Vec<Pid> {
    // A stopped parent makes no more children while they are counted.
    let _gone = kill(parent, Signal::SIGSTOP);
    let children = children(parent);
    for pid in children.iter().chain([&parent]) {
        let _gone = kill(*pid, Signal::SIGKILL);
    }
    children
}

/// Waits until none of `pids` runs, for at most `patience`: as long as one does, it holds on to the shared memory.
pub async fn gone(pids: &[Pid], patience: Duration) {
    let started = Instant::now();
    while pids.iter().any(|pid| runs(*pid)) && started.elapsed() < patience {
        tokio::time::sleep(LOOK_PERIOD).await;
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent.as_raw()))
        .map(Pid::from_raw)
        .collect()
}

fn runs(pid: Pid) -> bool {
    stat(pid.as_raw()).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The state and the parent of a process. Its name, in parentheses, may hold anything.
fn stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn children_go_with_their_parent() {
        let mut shell = Command::new("sh").args(["-c", "sleep 300 & sleep 300 & wait"]).spawn().unwrap();
        let parent = Pid::from_raw(shell.id().cast_signed());
        let started = Instant::now();
        while children(parent).len() < 2 {
            assert!(started.elapsed() < Duration::from_secs(10), "the shell has no children");
            tokio::time::sleep(LOOK_PERIOD).await;
        }
        let killed = kill_family(parent);
        assert_eq!(killed.len(), 2);
        shell.wait().unwrap();
        gone(&killed, Duration::from_secs(10)).await;
        assert!(!killed.iter().any(|pid| runs(*pid)));
    }
}
