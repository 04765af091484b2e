//! The stack itself: starting, dying, restarting, and leaving nothing behind.

#![cfg(test)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sandbox::stack::{Part, Stack, StackOptions, remove_state};

const PATIENCE: Duration = Duration::from_secs(30);

fn options(name: &str, parts: &[Part]) -> StackOptions {
    let mut options = StackOptions::fresh(&format!("test-{name}-{}", std::process::id())).unwrap();
    options.bin_dir = PathBuf::from(env!("CARGO_BIN_EXE_causeway-sandbox")).parent().unwrap().to_owned();
    options.parts = parts.to_vec();
    options
}

fn clean(options: &StackOptions) {
    remove_state(&options.state_dir).unwrap();
    fs::remove_dir_all(&options.log_dir).unwrap();
}

fn is_alive(pid: i32) -> bool {
    // A zombie that nobody has reaped yet is not running.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_servers_start_restart_in_place_and_stop() {
    let options = options("servers", &[Part::Postgres, Part::Temporal]);
    let stack = Stack::start(options.clone()).await.unwrap();
    let urls = stack.urls();
    let first = [Part::Postgres, Part::Temporal].map(|part| stack.pid(part).unwrap());

    stack.kill_part(Part::Postgres).await;
    assert_eq!(stack.pid(Part::Postgres), None);
    stack.start_part(Part::Postgres).await.unwrap();
    assert_ne!(stack.pid(Part::Postgres), Some(first[0]));
    assert_eq!(stack.urls().database, urls.database, "the same address and password");
    stack.kill_part(Part::Temporal).await;
    stack.start_part(Part::Temporal).await.unwrap();

    let busy = Stack::start(options.clone()).await.unwrap_err();
    assert!(busy.to_string().contains("running"), "{busy}");

    let pids = [Part::Postgres, Part::Temporal].map(|part| stack.pid(part).unwrap());
    stack.stop().await;
    assert!(pids.into_iter().chain(first).all(|pid| !is_alive(pid)));
    clean(&options);
}

#[tokio::test]
async fn a_death_that_nobody_asked_for_names_the_part_and_shows_its_log() {
    let options = options("death", &[Part::Postgres]);
    let stack = Stack::start(options.clone()).await.unwrap();
    kill(Pid::from_raw(stack.pid(Part::Postgres).unwrap()), Signal::SIGTERM).unwrap();
    let death = tokio::time::timeout(PATIENCE, stack.died()).await.unwrap();
    assert_eq!(death.part, Part::Postgres);
    assert!(death.tail.contains("shut down"), "{death}");
    stack.stop().await;
    clean(&options);
}

#[tokio::test]
async fn a_part_that_cannot_start_says_why() {
    let mut options = options("refused", &[Part::Telegram]);
    options.bin_dir = options.state_dir.clone();
    let missing = Stack::start(options.clone()).await.unwrap_err().to_string();
    assert!(missing.contains("cargo build --workspace"), "{missing}");
    // A program that leaves at once is a part that died.
    fs::create_dir_all(&options.state_dir).unwrap();
    let bin = options.state_dir.with_extension("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy("/bin/false", bin.join("causeway-sandbox")).unwrap();
    options.bin_dir = bin.clone();
    let died = Stack::start(options.clone()).await.unwrap_err().to_string();
    assert!(died.contains("Telegram sandbox died") && died.contains("exit status: 1"), "{died}");
    fs::remove_dir_all(bin).unwrap();
    clean(&options);
}

#[tokio::test]
async fn nothing_survives_a_killed_parent() {
    // The child of a killed supervisor: PostgreSQL, its own children, and a command beside it.
    let mut supervisor = Command::new(env!("CARGO_BIN_EXE_causeway-sandbox"))
        .args(["postgres", "--", "sh", "-c", "echo $DATABASE_URL $$; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (url, command) = line.trim().split_once(' ').unwrap();
    let port: u16 = url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    let command: i32 = command.parse().unwrap();
    let data = format!("postgres-{}/postgres", supervisor.id());
    let servers = processes_with(&data);
    assert_eq!(servers.len(), 1, "the postmaster names its directory");
    let family: Vec<i32> = servers.iter().copied().chain(children_of(servers[0])).collect();
    assert!(family.len() > 2 && is_alive(command), "{family:?}");

    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    eventually("all of it is gone", || !is_alive(command) && family.iter().all(|pid| !is_alive(*pid))).await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());

    let options = StackOptions::fresh(&format!("postgres-{}", supervisor.id())).unwrap();
    clean(&options);
}

#[test]
fn a_command_beside_postgres_gives_its_exit_code() {
    let status = Command::new(env!("CARGO_BIN_EXE_causeway-sandbox"))
        .args([
            "postgres",
            "--",
            "sh",
            "-c",
            "\"$POSTGRES_BIN/psql\" \"$DATABASE_URL\" -Atqc 'select 1' | grep -qx 1 && exit 7",
        ])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
}

fn all_processes() -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn processes_with(argument: &str) -> Vec<i32> {
    let names = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(argument)
    };
    all_processes().into_iter().filter(names).collect()
}

fn children_of(parent: i32) -> Vec<i32> {
    let is_child = |pid: &i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()))
    };
    all_processes().into_iter().filter(is_child).collect()
}
