//! A small load generator in the manner of wrk: keep-alive connections that each send the same request again, or the next
//! of many, as soon as it was answered. It parses as little as it must, because it shares the machine with what it measures.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::trips::{count, percentile};

/// No answer of ours is larger, so that none makes the buffer grow in the middle of a measurement.
const ANSWER_BYTES: usize = 256 * 1024;

/// What is asked, and how much of it at once.
#[derive(Clone, Debug)]
pub struct Load {
    address: SocketAddr,
    requests: Requests,
    /// What every answer must be.
    status: u16,
}

#[derive(Clone, Debug)]
enum Requests {
    /// One, again and again.
    Same(Arc<[u8]>),
    /// Each of them once, over all connections.
    Each(Arc<Once>),
}

#[derive(Debug)]
struct Once {
    requests: Vec<Vec<u8>>,
    /// The first that nobody has taken yet.
    next: AtomicUsize,
}

/// A request with a JSON body.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its path.
    pub path: String,
    /// Lines of its head, each with its end.
    pub fields: String,
    /// Its body.
    pub body: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Milliseconds from each request to the end of its answer, shortest first.
    times_ms: Vec<f64>,
    seconds: f64,
}

impl Load {
    /// `GET path` of the server at `base`, with a bearer token.
    ///
    /// # Errors
    /// When `base` is no address of this machine.
    pub fn get(base: &str, path: &str, token: &str, status: u16) -> anyhow::Result<Self> {
        let (address, host) = server(base)?;
        let request = request(host, &format!("GET {path}"), &format!("authorization: Bearer {token}\r\n"), "");
        Ok(Self { address, requests: Requests::Same(request.into()), status })
    }

    /// `POST path` of the server at `base`, with a JSON body.
    ///
    /// # Errors
    /// When `base` is no address of this machine.
    pub fn post(base: &str, path: &str, body: &str, status: u16) -> anyhow::Result<Self> {
        let (address, host) = server(base)?;
        Ok(Self { address, requests: Requests::Same(post(host, path, "", body).into()), status })
    }

    /// Each of these once, to the server at `base`.
    ///
    /// # Errors
    /// When `base` is no address of this machine.
    pub fn each(base: &str, posts: Vec<Post>, status: u16) -> anyhow::Result<Self> {
        let (address, host) = server(base)?;
        let requests = posts.into_iter().map(|one| post(host, &one.path, &one.fields, &one.body)).collect();
        let once = Once { requests, next: AtomicUsize::new(0) };
        Ok(Self { address, requests: Requests::Each(Arc::new(once)), status })
    }

    /// Asks over so many connections for so long, or until nothing is left to be asked.
    ///
    /// # Errors
    /// When a connection ends or an answer is not what it must be.
    pub async fn run(&self, connections: usize, lasts: Duration) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let mut asking = JoinSet::new();
        for _ in 0..connections {
            asking.spawn(self.clone().ask(started + lasts));
        }
        let mut times_us: Vec<u64> = Vec::new();
        while let Some(asked) = asking.join_next().await {
            times_us.extend(asked??);
        }
        let seconds = started.elapsed().as_secs_f64();
        times_us.sort_unstable();
        let times_ms = times_us.into_iter().map(|us| super::trips::seconds(us) * 1_000.0).collect();
        Ok(Outcome { times_ms, seconds })
    }

    async fn ask(self, until: Instant) -> anyhow::Result<Vec<u64>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (mut buffer, mut times_us) = (Vec::with_capacity(ANSWER_BYTES), Vec::new());
        while Instant::now() < until
            && let Some(request) = self.requests.next()
        {
            let started = Instant::now();
            let status = exchange(&mut stream, request, &mut buffer).await?;
            times_us.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
            if status != self.status {
                anyhow::bail!("expected {}, got {}", self.status, String::from_utf8_lossy(&buffer));
            }
        }
        Ok(times_us)
    }
}

impl Requests {
    fn next(&self) -> Option<&[u8]> {
        match self {
            Self::Same(request) => Some(request),
            Self::Each(once) => once.requests.get(once.next.fetch_add(1, Ordering::Relaxed)).map(Vec::as_slice),
        }
    }
}

/// The address of a server, and its name in requests.
fn server(base: &str) -> anyhow::Result<(SocketAddr, &str)> {
    let host = base.strip_prefix("http://").context("the server is reached over plain HTTP")?;
    Ok((host.parse().with_context(|| format!("{host} is no address"))?, host))
}

fn post(host: &str, path: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let fields = format!("content-type: application/json\r\ncontent-length: {length}\r\n{fields}");
    request(host, &format!("POST {path}"), &fields, body)
}

fn request(host: &str, line: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: {host}\r\n{fields}\r\n{body}").into_bytes()
}

impl Outcome {
    /// Requests that were answered.
    #[must_use]
    pub const fn answered(&self) -> usize {
        self.times_ms.len()
    }

    /// The same, for calculating.
    #[must_use]
    pub fn requests(&self) -> f64 {
        count(self.times_ms.len())
    }

    /// The same, per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.requests() / self.seconds
    }

    /// So many percent were answered within these milliseconds.
    #[must_use]
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        percentile(&self.times_ms, percent)
    }
}

/// One request and its whole answer; the status.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    stream.write_all(request).await?;
    buffer.clear();
    let mut whole = usize::MAX;
    while buffer.len() < whole {
        anyhow::ensure!(stream.read_buf(buffer).await? > 0, "the server has closed the connection");
        if whole == usize::MAX
            && let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            whole = head + 4 + body_bytes(&buffer[..head])?;
        }
    }
    let status = buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.context("the answer has no status")
}

/// What a head says of its body's length.
fn body_bytes(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head).context("the head is not text")?;
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.with_context(|| format!("the answer does not say how long it is: {head}"))?;
    Ok(length.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers in two pieces, whatever it is asked.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = [0; 4_096];
                    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                        let (first, second) = answer.as_bytes().split_at(answer.len() / 2);
                        let _sent = stream.write_all(first).await;
                        tokio::task::yield_now().await;
                        let _sent = stream.write_all(second).await;
                    }
                });
            }
        });
        base
    }

    const LASTS: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn every_connection_asks_again_when_it_was_answered() {
        let base = server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        let outcome = Load::get(&base, "/", "token", 200).unwrap().run(4, LASTS).await.unwrap();
        assert!(outcome.requests() >= 4.0 && outcome.per_second() > 0.0);
        assert!(outcome.percentile_ms(50) <= outcome.percentile_ms(99));
    }

    #[tokio::test]
    async fn each_of_many_requests_is_sent_once() {
        let base = server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        let one = Post { path: "/".into(), fields: "x: y\r\n".into(), body: "{}".into() };
        let load = Load::each(&base, vec![one; 10], 200).unwrap();
        assert_eq!(load.run(4, Duration::from_secs(60)).await.unwrap().answered(), 10);
        assert_eq!(load.run(4, Duration::from_secs(60)).await.unwrap().answered(), 0);
    }

    #[tokio::test]
    async fn a_wrong_answer_ends_the_measurement() {
        let base = server("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n").await;
        assert!(Load::post(&base, "/", "{}", 200).unwrap().run(1, LASTS).await.is_err());
        let base = server("HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(Load::get(&base, "/", "token", 200).unwrap().run(1, LASTS).await.is_err());
    }
}
