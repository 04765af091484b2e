//! What survives `kill -9`.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use serenity::all::{ChannelId, CreateAttachment, CreateMessage, Http, HttpBuilder, MessageId, Nonce};

use crate::world::{Folder, client, text};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn everything_that_was_answered_is_there_after_a_kill() {
    let folder = Folder::new();
    let ports: [u16; 3] = free_ports();
    let process = start(&folder.0, ports).await;
    let control = async |method: &str, path: &str, body: Value| -> Value {
        let url = format!("http://127.0.0.1:{}{path}", ports[2]);
        let request = reqwest::Client::new().request(method.parse().unwrap(), url).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let bot = control("POST", "/bots", json!({ "username": "relay" })).await;
    let guild = control("POST", "/guilds", json!({ "name": "Harbour", "bots": [bot["id"]] })).await;
    let channel: ChannelId = text(&guild["channel_id"]).parse().unwrap();
    let ca_pem = std::fs::read_to_string(folder.0.join("ca.pem")).unwrap();
    let http = || -> Http {
        HttpBuilder::new(text(&bot["token"])).client(client(&ca_pem, ([127, 0, 0, 1], ports[0]).into())).build()
    };
    let keyed = || CreateMessage::new().content("kept").nonce(Nonce::String("k".to_owned())).enforce_nonce(true);
    let rest = http();
    let kept = channel.send_message(&rest, keyed()).await.unwrap();
    let file = [CreateAttachment::bytes(*b"bytes", "file.bin")];
    let with_file = channel.send_files(&rest, file, CreateMessage::new()).await.unwrap();
    let gone = channel.say(&rest, "gone").await.unwrap();
    channel.delete_message(&rest, gone.id).await.unwrap();
    drop(process);

    let _process = start(&folder.0, ports).await;
    let rest = http();
    let ids: Vec<MessageId> =
        channel.messages(&rest, serenity::all::GetMessages::new()).await.unwrap().iter().map(|it| it.id).collect();
    assert_eq!(ids, [with_file.id, kept.id]);
    assert_eq!(channel.send_message(&rest, keyed()).await.unwrap().id, kept.id);
    let reqwest = client(&ca_pem, ([127, 0, 0, 1], ports[0]).into());
    let address = &with_file.attachments[0].url;
    assert_eq!(&reqwest.get(address).send().await.unwrap().bytes().await.unwrap()[..], b"bytes");
    assert!(channel.say(&rest, "later").await.unwrap().id > gone.id);
}

async fn start(data: &Path, ports: [u16; 3]) -> Process {
    let [tls, plain, control] = ports.map(|port| format!("127.0.0.1:{port}"));
    let child = Command::new(env!("CARGO_BIN_EXE_causeway-sandbox"))
        .args(["discord", "--listen-tls", &tls, "--listen", &plain, "--control", &control, "--data"])
        .arg(data)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process(child);
    let began = Instant::now();
    loop {
        let answer = reqwest::get(format!("http://{control}/health")).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return process;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the sandbox does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
