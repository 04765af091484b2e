//! A server on loopback that answers as it is told, and remembers what it was asked. It hands out tokens by itself.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Ends when it is dropped.
pub(crate) struct Server {
    port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl Call {
    /// The value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// `GET /path`, without the query.
    pub(crate) fn what(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap())
    }
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Server {
    pub(crate) async fn new(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (calls, tokens, answer) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)), Arc::new(answer));
        let kept = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, tokens, answer) = (Arc::clone(&kept), Arc::clone(&tokens), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some((stream, call)) = receive(stream).await else { return };
                    kept.lock().unwrap().push(call.clone());
                    let answer = if call.path == "/v1/oauth2/token" {
                        let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
                        let body =
                            format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":32400}}"#);
                        Answer::json(200, &body)
                    } else {
                        answer(&call)
                    };
                    send(stream, &answer).await;
                });
            }
        });
        Self { port, calls, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every call but those for tokens, in order.
    pub(crate) fn all(&self) -> Vec<Call> {
        let calls = self.calls.lock().unwrap().clone();
        calls.into_iter().filter(|call| call.path != "/v1/oauth2/token").collect()
    }

    /// The calls of this path.
    pub(crate) fn calls(&self, path: &str) -> Vec<Call> {
        let calls = self.calls.lock().unwrap().clone();
        calls.into_iter().filter(|call| call.path.split('?').next() == Some(path)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(mut stream: TcpStream) -> Option<(TcpStream, Call)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let mut first = lines.next()?.split(' ');
            let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
            let header =
                |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
            let headers: Vec<(String, String)> = lines.filter_map(header).collect();
            let call = Call { method, path, headers, body: body.to_owned() };
            if body.len() >= call.header("content-length").parse().unwrap_or(0) {
                return Some((stream, call));
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

async fn send(mut stream: TcpStream, answer: &Answer) {
    let mut head =
        format!("HTTP/1.1 {} Told\r\ncontent-length: {}\r\nconnection: close\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _sent = stream.write_all(format!("{head}\r\n{}", answer.body).as_bytes()).await;
    let _ended = stream.shutdown().await;
}
