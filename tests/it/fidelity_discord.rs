//! The Discord sandbox as its own process, spoken to by a client library that we did not write.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the process may take to start.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long all checks together may take; each of them waits for its own condition.
const CHECKS_PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn discord_py_finds_a_discord_that_it_understands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup", python.display());
    let sandbox = Sandbox::start().await;
    let checks = tokio::process::Command::new(python)
        .arg(root.join("tests/fidelity/discordpy_check.py"))
        .args([&sandbox.control, &sandbox.plain])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(CHECKS_PATIENCE, checks).await.expect("the checks end").expect("python runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "discord.py is not content:\n{out}{err}");
    assert!(out.contains("ok  resume"), "the checks were not run:\n{out}{err}");
}

/// A running `causeway-sandbox discord`; killed and cleaned up when dropped.
struct Sandbox {
    process: Child,
    control: String,
    plain: String,
    data: PathBuf,
}

impl Sandbox {
    async fn start() -> Self {
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("causeway-sandbox");
        assert!(program.exists(), "{} is missing: run cargo build --workspace", program.display());
        let data = std::env::temp_dir().join(format!("causeway-discord-fidelity-{}", std::process::id()));
        let [tls, plain, control] = free_addresses();
        let process = Command::new(program)
            .args(["discord", "--listen-tls", &tls, "--listen", &plain, "--control", &control, "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the sandbox starts");
        let sandbox = Self { process, control: format!("http://{control}"), plain: format!("http://{plain}"), data };
        let health = format!("{}/health", sandbox.control);
        let started = Instant::now();
        while !reqwest::get(&health).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(started.elapsed() < START_PATIENCE, "the sandbox does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sandbox
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.data).ok();
    }
}

/// Three different ones: all are held until the last is known.
fn free_addresses() -> [String; 3] {
    let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("an address").to_string())
}
