//! A sandbox on free ports, people in it, and clients of theirs.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::Client;
use grammers_client::client::UpdateStream;
use grammers_client::update::Update;
use grammers_mtsender::{ConnectionParams, NoRetries, SenderPool, UpdatesConfiguration};
use grammers_session::storages::MemorySession;
use grammers_session::types::{DcOption, PeerAuth, PeerId, PeerRef};
use grammers_session::updates::UpdatesLike;
use grammers_session::{Session as _, SessionData};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::handshake;
use crate::serving;
use crate::telegram::Sandbox;
use crate::telegram::net::crypto::random;
use crate::telegram::world::peer::{Peer, access_hash};

/// How long a test waits for something that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A running sandbox.
pub(super) struct World {
    pub(super) address: SocketAddr,
    control: SocketAddr,
    data: PathBuf,
    listeners: [std::net::TcpListener; 2],
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    http: reqwest::Client,
}

impl World {
    /// A sandbox with an empty data folder.
    pub(super) async fn start() -> Self {
        let data = std::env::temp_dir().join(format!("causeway-telegram-{}", hex::encode(random::<8>())));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = [serving::listen(any).await.unwrap(), serving::listen(any).await.unwrap()];
        Self::launch(data, listeners.map(|listener| listener.into_std().unwrap()))
    }

    /// The listeners stay open between two lives of the server, so that nobody else takes its ports.
    fn launch(data: PathBuf, listeners: [std::net::TcpListener; 2]) -> Self {
        let [clients, control] = [0, 1].map(|n: usize| listeners[n].try_clone().unwrap());
        let (address, control_address) = (clients.local_addr().unwrap(), control.local_addr().unwrap());
        let [clients, control] = [clients, control].map(|listener| TcpListener::from_std(listener).unwrap());
        let sandbox = Sandbox::open(&data, clients, control).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(sandbox.run(stop.clone()));
        Self { address, control: control_address, data, listeners, stop, task, http: reqwest::Client::new() }
    }

    /// The same sandbox after its process died: nothing is flushed or closed in good order, only the folder remains.
    pub(super) async fn restart(self) -> Self {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        Self::launch(self.data, self.listeners)
    }

    /// Ends the sandbox and removes its folder.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        std::fs::remove_dir_all(self.data).unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, body).await
    }

    pub(super) async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("http://{}{path}", self.control)).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// A new person; the username is the name in lower case.
    pub(super) async fn person(&self, name: &str) -> Person {
        let phone = format!("9{:09}", u32::from_le_bytes(random()) % 1_000_000_000);
        let username = format!("{}{}", name.to_lowercase(), &phone[5..]);
        let body = json!({ "phone": phone, "first_name": name, "username": username });
        let id = self.post("/users", body).await["id"].as_i64().unwrap();
        Person { id, phone, username }
    }

    /// A new chat; answers its dialog id.
    pub(super) async fn chat(&self, kind: &str, creator: &Person, members: &[&Person]) -> i64 {
        let members: Vec<i64> = members.iter().map(|person| person.id).collect();
        let body = json!({ "kind": kind, "title": format!("the {kind}"), "creator": creator.id, "members": members });
        self.post("/chats", body).await["dialog_id"].as_i64().unwrap()
    }

    /// Writes in a chat through the control API.
    pub(super) async fn say(&self, chat: i64, from: &Person, text: &str) -> i64 {
        let body = json!({ "from": from.id, "text": text });
        self.post(&format!("/chats/{chat}/messages"), body).await["id"].as_i64().unwrap()
    }

    pub(super) async fn texts(&self, chat: i64) -> Vec<String> {
        let messages = self.get(&format!("/chats/{chat}/messages")).await;
        messages.as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn code(&self, phone: &str) -> String {
        self.get(&format!("/codes/{phone}")).await["code"].as_str().unwrap().to_owned()
    }

    /// A connected client without an account.
    pub(super) async fn stranger(&self) -> Device {
        let key = handshake::exchange(self.address).await;
        Device::connect(session(self.address.port(), Some(key)))
    }

    /// A connected client of the person.
    pub(super) async fn device(&self, person: &Person) -> Device {
        let device = self.stranger().await;
        let token = device.client.request_login_code(&person.phone, "hash").await.unwrap();
        device.client.sign_in(&token, &self.code(&person.phone).await).await.unwrap();
        device
    }
}

/// Somebody who exists in the sandbox.
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) phone: String,
    pub(super) username: String,
}

impl Person {
    /// How this person names a chat or another person.
    pub(super) fn peer(&self, dialog_id: i64) -> PeerRef {
        let (id, peer) = match Peer::from_dialog_id(dialog_id) {
            peer @ Peer::User(id) => (PeerId::user(id), peer),
            peer @ Peer::Group(id) => (PeerId::chat(id), peer),
            peer @ Peer::Channel(id) => (PeerId::channel(id), peer),
        };
        PeerRef { id: id.unwrap(), auth: PeerAuth::from_hash(access_hash(self.id, peer)) }
    }
}

/// A client library with its session and connection.
pub(super) struct Device {
    pub(super) client: Client,
    pub(super) session: Arc<MemorySession>,
    updates: Option<mpsc::Receiver<UpdatesLike>>,
    runner: JoinHandle<()>,
}

impl Device {
    pub(super) fn connect(session: Arc<MemorySession>) -> Self {
        let params = ConnectionParams {
            retry_policy: Box::new(NoRetries),
            updates_channel_capacity: std::num::NonZero::new(10_000).unwrap(),
            ..Default::default()
        };
        let pool = SenderPool::with_configuration(Arc::clone(&session), 1, params);
        let client = Client::new(pool.handle);
        Self { client, session, updates: Some(pool.updates), runner: tokio::spawn(pool.runner.run()) }
    }

    /// What arrives, from the state that the session remembers.
    pub(super) async fn inbox(&mut self) -> Inbox {
        let configuration = UpdatesConfiguration { catch_up: true };
        let stream = self.client.stream_updates(self.updates.take().unwrap(), configuration).await.unwrap();
        Inbox { stream }
    }

    /// Closes the connection; the session can be used again.
    pub(super) async fn close(self) -> Arc<MemorySession> {
        self.client.disconnect();
        self.runner.await.unwrap();
        self.session
    }
}

/// The updates of a device.
pub(super) struct Inbox {
    pub(super) stream: UpdateStream,
}

impl Inbox {
    /// The next update that is not passing noise.
    pub(super) async fn next(&mut self) -> Update {
        let wanted = async {
            loop {
                match self.stream.next().await {
                    Ok(Update::Raw(_)) => {}
                    Ok(Update::NewMessage(message)) if message.action().is_some() => {}
                    Ok(update) => return update,
                    // The connection comes back with the next request of the stream itself. A request that met the end
                    // of the old one is "dropped" too; only a closed channel is the end.
                    Err(error) => assert!(!error.to_string().contains("channel was closed"), "{error}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("an update arrives")
    }

    /// The text of the next new message.
    pub(super) async fn next_text(&mut self) -> String {
        match self.next().await {
            Update::NewMessage(message) => message.text().to_owned(),
            other => panic!("not a new message: {other:?}"),
        }
    }
}

/// A session that knows this sandbox as its only data centre.
pub(super) fn session(port: u16, auth_key: Option<[u8; 256]>) -> Arc<MemorySession> {
    let mut data = SessionData { home_dc: 2, ..SessionData::default() };
    let dc = DcOption {
        id: 2,
        ipv4: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        ipv6: SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0),
        auth_key,
    };
    data.dc_options.clear();
    data.dc_options.insert(2, dc);
    Arc::new(MemorySession::from(data))
}

/// The state that a session has stored for the account.
pub(super) async fn stored_pts(session: &MemorySession) -> i32 {
    session.updates_state().await.unwrap().pts
}
