//! `causeway-sandbox up` as a person or a script sees it. Needs the worker and the API built: `make test` does that.

#![cfg(test)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sandbox::stack::{StackOptions, remove_state};

/// The stack's own patience for each row of parts is longer; in practice all of it leaves within a few seconds.
const STOP_MAX: Duration = Duration::from_secs(30);

struct Up {
    child: Child,
    name: String,
    parts: Vec<(i32, String)>,
}

impl Up {
    /// Starts a stack of its own and waits until it says that it is up.
    fn start(name: &str) -> Self {
        let name = format!("test-{name}-{}", std::process::id());
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway-sandbox"))
            .args(["up", "--with-parent", "--name", &name])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let up = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ctrl-C stops everything"));
        if !up {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("not up: {why}");
        }
        // What it prints from here on must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let parts = children_of(child.id());
        Self { child, name, parts }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Waits for the end, checks that nothing is left, and returns the exit code and what was said on stderr.
    fn ended(mut self) -> (Option<i32>, String) {
        let asked = Instant::now();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(asked.elapsed() < STOP_MAX, "took {:?}", asked.elapsed());
        let left: Vec<_> = self.parts.iter().filter(|(pid, arguments)| arguments_of(*pid) == *arguments).collect();
        assert!(left.is_empty(), "left running: {left:?}");
        let options = StackOptions::named(&self.name).unwrap();
        remove_state(&options.state_dir).unwrap();
        fs::remove_dir_all(options.log_dir).unwrap();
        (status.code(), said)
    }
}

fn children_of(parent: u32) -> Vec<(i32, String)> {
    let child = |pid: i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let is_child =
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()));
        is_child.then(|| (pid, arguments_of(pid)))
    };
    all_processes().into_iter().filter_map(child).collect()
}

fn arguments_of(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned()
}

fn all_processes() -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn an_interrupt_stops_everything_and_is_no_failure() {
    let up = Up::start("interrupt");
    assert_eq!(up.parts.len(), 9, "PostgreSQL, Temporal, five stand-ins, the worker, the API");
    kill(up.pid(), Signal::SIGINT).unwrap();
    let (code, said) = up.ended();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_part_that_dies_stops_everything_and_is_named() {
    let up = Up::start("death");
    let (worker, _) = up.parts.iter().find(|(_, arguments)| arguments.contains("causeway-worker")).unwrap();
    kill(Pid::from_raw(*worker), Signal::SIGKILL).unwrap();
    let (code, said) = up.ended();
    assert_eq!(code, Some(1));
    assert!(said.contains("the worker died") && said.contains("SIGKILL"), "{said}");
}
