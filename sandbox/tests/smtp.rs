//! The mail sandbox against a stock mail client, and byte by byte.

#![cfg(test)]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::MultiPart,
    transport::smtp::{authentication::Credentials, client::Tls},
};
use sandbox::{
    client::SmtpControl,
    smtp::{self, Args, Running},
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::sync::CancellationToken;

const SIZE_MAX: usize = 4_000;

struct World {
    running: Running,
    control: SmtpControl,
    data: PathBuf,
}

impl World {
    async fn new(name: &str, login: Option<&str>) -> Self {
        let data = std::env::temp_dir().join(format!("causeway-smtp-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&data);
        Self::at(data, login).await
    }

    async fn at(data: PathBuf, login: Option<&str>) -> Self {
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let login = login.map(str::to_owned);
        let args = Args { listen: free, control: free, data: data.clone(), login, size_max: SIZE_MAX };
        let running = smtp::start(args, CancellationToken::new()).await.unwrap();
        let control = SmtpControl::new(&format!("http://{}", running.control)).unwrap();
        Self { running, control, data }
    }

    fn client(&self, login: Option<(&str, &str)>) -> AsyncSmtpTransport<Tokio1Executor> {
        let mut client = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
            .port(self.running.smtp.port())
            .tls(Tls::None)
            .timeout(Some(Duration::from_secs(5)));
        if let Some((user, password)) = login {
            client = client.credentials(Credentials::new(user.into(), password.into()));
        }
        client.build()
    }

    async fn talk(&self) -> Talk {
        let (from, to) = TcpStream::connect(self.running.smtp).await.unwrap().into_split();
        let mut talk = Talk { from: BufReader::new(from), to };
        assert!(talk.hear().await.starts_with("220 "));
        talk
    }

    fn end(self) {
        drop(self.running);
        std::fs::remove_dir_all(self.data).unwrap();
    }
}

struct Talk {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Talk {
    async fn hear(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).await.unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    async fn write(&mut self, text: &str) {
        self.to.write_all(text.as_bytes()).await.unwrap();
    }

    /// Says a line and hears the last line of the answer.
    async fn say(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n")).await;
        loop {
            let heard = self.hear().await;
            if heard.as_bytes().get(3) != Some(&b'-') {
                return heard;
            }
        }
    }

    async fn begin(&mut self, to: &str) {
        assert!(self.say("EHLO test").await.starts_with("250 "));
        assert!(self.say("MAIL FROM:<a@b.co>").await.starts_with("250 "));
        assert!(self.say(&format!("RCPT TO:<{to}>")).await.starts_with("250 "));
    }
}

fn mail(to: &str) -> Message {
    Message::builder()
        .from("Causeway <causeway@example.org>".parse().unwrap())
        .to(to.parse().unwrap())
        .subject("Grüße")
        .message_id(Some("<one@example.org>".to_owned()))
        .multipart(MultiPart::alternative_plain_html(
            ".\n..\nSee https://example.org/a?b=1&c=2\n".to_owned(),
            "<p><a href=\"https://example.org/a?b=1&amp;c=2\">See</a> ä</p>".to_owned(),
        ))
        .unwrap()
}

#[tokio::test]
async fn a_stock_client_logs_in_and_its_mail_is_shown_as_it_was_written() {
    let world = World::new("stock", Some("me:secret")).await;
    let client = world.client(Some(("me", "secret")));
    client.send(mail("Reader <reader@example.org>")).await.unwrap();
    let mails = world.control.mails_to("READER@example.org").await.unwrap();
    let [mail] = &mails[..] else { panic!("one mail, not {mails:?}") };
    assert_eq!((mail.subject.as_deref(), mail.message_id.as_deref()), (Some("Grüße"), Some("one@example.org")));
    assert_eq!((mail.from.join(","), mail.to.join(",")), ("causeway@example.org".into(), "reader@example.org".into()));
    let text = mail.text.as_deref().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), ".\n..\nSee https://example.org/a?b=1&c=2", "dots are unstuffed");
    assert!(mail.html.as_deref().unwrap().contains("ä</p>"));
    assert_eq!(mail.links, ["https://example.org/a?b=1&c=2"]);
    assert!(mail.header("content-type").unwrap().starts_with("multipart/alternative"));
    let wrong = world.client(Some(("me", "guess"))).send(self::mail("reader@example.org")).await.unwrap_err();
    assert_eq!(wrong.status().map(u16::from), Some(535));
    let nobody = world.client(None).send(self::mail("reader@example.org")).await.unwrap_err();
    assert_eq!(nobody.status().map(u16::from), Some(530));
    world.control.clear("reader@example.org").await.unwrap();
    assert!(world.control.mails_to("reader@example.org").await.unwrap().is_empty());
    world.end();
}

#[tokio::test]
async fn refusals_strike_whom_they_are_for_and_pass() {
    let world = World::new("refusals", None).await;
    let client = world.client(None);
    world.control.refuse("bob@", 451, 1).await.unwrap();
    world.control.refuse("eve@", 550, 0).await.unwrap();
    client.send(mail("alice@example.org")).await.unwrap();
    let bob = client.send(mail("bob@example.org")).await.unwrap_err();
    assert!(bob.is_transient(), "{bob}");
    client.send(mail("bob@example.org")).await.unwrap();
    for _ in 0..2 {
        let eve = client.send(mail("eve@example.org")).await.unwrap_err();
        assert!(eve.is_permanent(), "{eve}");
    }
    world.control.clear_faults().await.unwrap();
    client.send(mail("eve@example.org")).await.unwrap();
    world
        .control
        .fault(&json!({ "kind": "refuse", "stage": "data", "code": 554, "text": "5.7.1 Spam" }))
        .await
        .unwrap();
    let spam = client.send(mail("eve@example.org")).await.unwrap_err();
    assert!(spam.is_permanent() && spam.to_string().contains("Spam"), "{spam}");
    assert_eq!(world.control.mails_to("eve@example.org").await.unwrap().len(), 1);
    world.end();
}

#[tokio::test]
async fn a_lost_answer_is_a_mail_that_was_kept() {
    let world = World::new("lost", None).await;
    world.control.fault(&json!({ "kind": "lose_answer" })).await.unwrap();
    let lost = world.client(None).send(mail("reader@example.org")).await.unwrap_err();
    assert!(lost.status().is_none(), "{lost}");
    assert_eq!(world.control.mails_to("reader@example.org").await.unwrap().len(), 1);
    world.control.fault(&json!({ "kind": "refuse_connections" })).await.unwrap();
    assert!(world.client(None).send(mail("reader@example.org")).await.is_err());
    world.control.fault(&json!({ "kind": "delay", "ms": 300 })).await.unwrap();
    let began = std::time::Instant::now();
    world.client(None).send(mail("reader@example.org")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    world.end();
}

#[tokio::test]
async fn mails_outlive_the_process() {
    let world = World::new("restart", None).await;
    world.client(None).send(mail("reader@example.org")).await.unwrap();
    let data = world.data.clone();
    drop(world);
    let world = World::at(data, None).await;
    assert_eq!(world.control.mails_to("reader@example.org").await.unwrap().len(), 1);
    world.end();
}

#[tokio::test]
async fn commands_come_in_their_order_and_may_come_at_once() {
    let world = World::new("order", None).await;
    let mut talk = world.talk().await;
    for (line, code) in [("MAIL FROM:<a@b.co>", "503"), ("NOOP", "250"), ("WHAT", "500"), ("AUTH PLAIN", "503")] {
        assert!(talk.say(line).await.starts_with(code), "{line}");
    }
    assert!(talk.say("EHLO test").await.starts_with("250 "));
    for (line, code) in [("RCPT TO:<c@d.co>", "503"), ("DATA", "503"), ("MAIL FROM:<a@b.co> SIZE=4001", "552")] {
        assert!(talk.say(line).await.starts_with(code), "{line}");
    }
    talk.write("MAIL FROM:<a@b.co>\r\nRCPT TO:<c@d.co>\r\nRCPT TO:<e@f.co>\r\nDATA\r\n").await;
    for code in ["250", "250", "250", "354"] {
        assert!(talk.hear().await.starts_with(code));
    }
    talk.write("Subject: x\r\n\r\n..dot\r\n.\r\nRSET\r\nQUIT\r\n").await;
    for code in ["250", "250", "221"] {
        assert!(talk.hear().await.starts_with(code));
    }
    assert_eq!(talk.hear().await, "", "the connection is closed");
    for to in ["c@d.co", "e@f.co"] {
        let mails = world.control.mails_to(to).await.unwrap();
        assert_eq!(mails[0].text.as_deref().map(str::trim_end), Some(".dot"));
        assert_eq!(mails[0].recipients, ["c@d.co", "e@f.co"]);
    }
    world.end();
}

#[tokio::test]
async fn what_is_too_long_or_badly_ended_is_refused_and_the_conversation_goes_on() {
    let world = World::new("limits", None).await;
    let mut talk = world.talk().await;
    assert!(talk.say(&"x".repeat(5_000)).await.starts_with("500 "));
    let bodies = [
        ("x".repeat(1_200), "554"),
        ("bare\nfeed".to_owned(), "554"),
        ("many lines\r\n".repeat(400), "552"),
        ("good".to_owned(), "250"),
    ];
    for (body, code) in bodies {
        talk.begin("c@d.co").await;
        assert!(talk.say("DATA").await.starts_with("354"));
        let heard = talk.say(&format!("Subject: x\r\n\r\n{body}\r\n.")).await;
        assert!(heard.starts_with(code), "{heard}");
    }
    assert_eq!(world.control.mails_to("c@d.co").await.unwrap().len(), 1);
    talk.write("MAIL FROM:<a@b.co>\r\nRCPT TO:<c@d.co>\r\nDATA\r\nhalf a ma").await;
    drop(talk);
    assert_eq!(world.control.mails_to("c@d.co").await.unwrap().len(), 1, "half a mail is none");
    world.end();
}

#[tokio::test]
async fn both_ways_to_log_in_are_served() {
    let world = World::new("login", Some("me:secret")).await;
    let mut talk = world.talk().await;
    assert!(talk.say("EHLO test").await.starts_with("250 AUTH PLAIN LOGIN"));
    assert_eq!(talk.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
    assert_eq!(talk.say("bWU=").await, "334 UGFzc3dvcmQ6");
    assert!(talk.say("c2VjcmV0").await.starts_with("235"));
    assert!(talk.say("AUTH LOGIN").await.starts_with("503"));
    let mut talk = world.talk().await;
    assert!(talk.say("EHLO test").await.starts_with("250 "));
    assert_eq!(talk.say("AUTH PLAIN").await, "334 ");
    assert!(talk.say("AG1lAHNlY3JldA==").await.starts_with("235"));
    let mut talk = world.talk().await;
    assert!(talk.say("EHLO test").await.starts_with("250 "));
    assert!(talk.say("AUTH PLAIN !!").await.starts_with("535"));
    assert!(talk.say("AUTH CRAM-MD5").await.starts_with("504"));
    assert!(talk.say("MAIL FROM:<a@b.co>").await.starts_with("530"));
    world.end();
}
