//! The Telegram sandbox as its own process: clients that we did not write speak with it, and a kill loses nothing.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

/// How long the process may take to start, or the other client's checks to pass.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How many messages are acknowledged before the process is killed.
const KILL_AFTER: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn telethon_finds_a_telegram_that_it_understands() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup", python.display());
    let sandbox = Sandbox::start(folder("fidelity")).await?;
    let script = root.join("tests/fidelity/telethon_check.py");
    let output = tokio::process::Command::new(python)
        .arg(script)
        .arg(&sandbox.control)
        .arg(&sandbox.address)
        .kill_on_drop(true)
        .output()
        .await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "telethon is not content:\n{out}{err}");
    sandbox.end()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_telegram_keeps_every_acknowledged_message() -> anyhow::Result<()> {
    let mut sandbox = Sandbox::start(folder("killed")).await?;
    let ada = sandbox.post("/users", json!({ "phone": "99900000001", "first_name": "Ada" })).await?["id"].clone();
    let chat = json!({ "kind": "channel", "title": "News", "creator": ada });
    let chat = sandbox.post("/chats", chat).await?["dialog_id"].clone();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let written = AtomicUsize::new(0);
        let writing = async {
            let mut ids = Vec::new();
            loop {
                let message = json!({ "from": ada, "text": format!("round {round}, message {}", ids.len()) });
                match sandbox.post(&format!("/chats/{chat}/messages"), message).await {
                    Ok(answer) => ids.push(answer["id"].clone()),
                    Err(_) => return ids,
                }
                written.store(ids.len(), Ordering::Relaxed);
            }
        };
        let pid = sandbox.process.id().to_string();
        let killing = async {
            while written.load(Ordering::Relaxed) < KILL_AFTER {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The writing goes on meanwhile; where exactly the kill falls is left to chance.
            tokio::process::Command::new("kill").args(["-9", &pid]).status().await
        };
        let (ids, killed) = tokio::join!(writing, killing);
        anyhow::ensure!(killed?.success(), "the process could not be killed");
        acknowledged.extend(ids);
        sandbox = sandbox.again().await?;
        let held = sandbox.get(&format!("/chats/{chat}/messages")).await?;
        let held: Vec<&Value> = held.as_array().context("not a list")?.iter().map(|message| &message["id"]).collect();
        assert!(acknowledged.iter().all(|id| held.contains(&id)), "an acknowledged message is gone");
    }
    sandbox.end()
}

/// A running `causeway-sandbox telegram`, killed when dropped.
struct Sandbox {
    process: Child,
    address: String,
    control: String,
    data: PathBuf,
    http: reqwest::Client,
}

impl Sandbox {
    async fn start(data: PathBuf) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let program = program.ancestors().nth(2).context("no build folder")?.join("causeway-sandbox");
        assert!(program.exists(), "{} is missing: run cargo build --workspace", program.display());
        let (address, control) = (free_address()?, free_address()?);
        let process = Command::new(program)
            .args(["telegram", "--listen", &address, "--control", &control, "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let sandbox =
            Self { process, address, control: format!("http://{control}"), data, http: reqwest::Client::new() };
        let started = Instant::now();
        while sandbox.get("/health").await.is_err() {
            assert!(started.elapsed() < START_PATIENCE, "the sandbox does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(sandbox)
    }

    /// A new process on the same folder.
    async fn again(self) -> anyhow::Result<Self> {
        let data = self.data.clone();
        drop(self);
        Self::start(data).await
    }

    /// Stops the process and removes its folder.
    fn end(self) -> anyhow::Result<()> {
        let data = self.data.clone();
        drop(self);
        Ok(std::fs::remove_dir_all(data)?)
    }

    async fn get(&self, path: &str) -> reqwest::Result<Value> {
        self.http.get(format!("{}{path}", self.control)).send().await?.error_for_status()?.json().await
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.control)).json(&body);
        request.send().await?.error_for_status()?.json().await
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may be dead already, which is what some tests are about.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("causeway-{name}-{}", std::process::id()))
}

fn free_address() -> std::io::Result<String> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string())
}
