//! The API against its own document: schemathesis calls every operation with values that the document allows and with
//! others, and no answer may be a 5xx or one that the document does not have. Run it alone with
//! `cargo test -p tests --test it schema::`.

mod odd;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use domain::{Role, UserId};
use sandbox::stack::{Replica, Stack};
use serde_json::{Value, json};

use crate::{
    harness::{self, on_stack_runtime},
    world::{PASSWORD, World, place},
};

/// Values for one operation in the phase that makes them up; the phase of border cases has its own number.
const EXAMPLES_MAX: &str = "10";
/// The same values in every run.
const SEED: &str = "20261122";
/// For a whole run, which takes about ten seconds on a machine that does nothing else.
const RUN_MAX: Duration = Duration::from_secs(240);
/// Of a failure's report.
const REPORT_LINES_MAX: usize = 200;
const LINE_CHARS_MAX: usize = 600;
/// Where the runs' requests seem to come from.
const ADDRESSES: &str = "198.51.100.0/24";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";

/// Ids that answers hold are not used in later requests: whatever is paused, ended or deleted is a made-up thing, so that
/// the session in use and what other tests have stay. The release for older Pythons does not learn from answers.
const LEARNS_NOTHING: &str = "[phases.examples.extra-data-sources]\nresponses = false\n\n\
                              [phases.coverage.extra-data-sources]\nresponses = false\n\n\
                              [phases.fuzzing.extra-data-sources]\nresponses = false\n\n";
/// The release for older Pythons, which knows less.
const OLD: &str = "version 4.4.";

/// Operations that are not called, and why. What they answer is in [`odd`].
const EXCLUDED: &[(&str, &str)] = &[
    ("log_out_session", "ends the session in use"),
    ("revoke_all_sessions", "ends the session in use"),
    ("delete_me", "ends the tenant in use"),
    ("change_password", "guesses at the password lock the account"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gets_only_documented_answers() {
    let stack = harness::shared().await;
    let world = World::new(&stack).await;
    let settings = settings_of(&world).await;
    let (token, address) = (token_of(&world), "198.51.100.241");
    let run = Run { name: "tenant", token, paths: ".*", address, settings, me: Some("/api/auth/me") };
    run.passes(stack.stack()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_gets_only_documented_answers() {
    let stack = harness::shared().await;
    let (id, token) = admin(&stack).await;
    let settings = known("^GET /api/admin/users/", &[("path.id", &id.to_string())]);
    let (paths, address, me) = ("^/api/admin/", "198.51.100.242", Some("/api/admin/auth/me"));
    let run = Run { name: "admin", token, paths, address, settings, me };
    run.passes(stack.stack()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_gets_only_documented_answers() {
    let stack = harness::shared().await;
    let (token, settings) = (stack.operator_token().to_owned(), String::new());
    let (paths, address) = ("^/(api/operator|codec)/", "198.51.100.243");
    let run = Run { name: "operator", token, paths, address, settings, me: None };
    run.passes(stack.stack()).await;
}

/// One run of the tool.
struct Run {
    name: &'static str,
    token: String,
    /// Only operations on these paths, a regular expression.
    paths: &'static str,
    /// Where its requests seem to come from: its wrong passwords must not count against other tests.
    address: &'static str,
    /// For the tool's configuration file.
    settings: String,
    /// What the token still opens when the run is over: one that was ended on the way would have met refusals only.
    me: Option<&'static str>,
}

impl Run {
    async fn passes(self, stack: &'static Stack) {
        let replica = replica(stack, self.name).await;
        let folder = std::env::temp_dir().join(format!("causeway-schema-{}-{}", self.name, std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let (learning, retries) = if version().await.contains(OLD) {
            ("", &[][..])
        } else {
            (LEARNS_NOTHING, &["--request-retries", "2"][..])
        };
        std::fs::write(folder.join("schemathesis.toml"), format!("{learning}{}", self.settings)).expect("a file");
        let excluded = excluded(&document(replica.url()).await);
        let output = self.command(replica.url(), &excluded).args(retries).current_dir(&folder).output();
        let output = tokio::time::timeout(RUN_MAX, output).await.expect("the run ends in time").expect("the tool runs");
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
        assert!(output.status.success(), "{}", report(&output.stdout, &output.stderr));
        if let Some(me) = self.me {
            let request = reqwest::Client::new().get(format!("{}{me}", replica.url())).bearer_auth(&self.token);
            let answer = request.header("x-forwarded-for", self.address).send().await.expect("the API answers");
            assert_eq!(answer.status(), 200, "an operation has ended the session in use: exclude it");
        }
    }

    fn command(&self, url: &str, excluded: &[String]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(tool());
        command
            .args(["run", &format!("{url}/openapi.json"), "--include-path-regex", self.paths])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES_MAX, "--seed", SEED])
            // One worker: Python 3.11 trips over itself when two threads parse, and the order is always the same.
            .args(["--checks", CHECKS, "--workers", "1", "--request-timeout", "30", "--continue-on-failure"])
            .args(["--header", &format!("authorization: Bearer {}", self.token)])
            .args(["--header", &format!("x-forwarded-for: {}", self.address)])
            .args(["--generation-database", "none", "--warnings", "off", "--no-color", "--no-shrink"])
            .args(excluded.iter().flat_map(|operation| ["--exclude-operation-id", operation]))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// A process of the API that believes the tool where its requests come from.
async fn replica(stack: &'static Stack, name: &'static str) -> Replica {
    on_stack_runtime(async move {
        let env = [("TRUSTED_PROXIES", "127.0.0.0/8"), ("ADMIN_ALLOW", ADDRESSES)];
        stack.start_replica(&format!("schema-{name}"), &env).await
    })
    .await
    .expect("a replica starts")
}

async fn version() -> String {
    let output = tokio::process::Command::new(tool()).arg("--version").output().await.expect("the tool runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn tool() -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/venv/bin/st");
    // It is started in another folder.
    tool.canonicalize().unwrap_or_else(|_| panic!("{} is missing: run scripts/setup", tool.display()))
}

/// From the first failure on: operation, what is wrong, the answer, and the request as a `curl` command; cut where the tool
/// tells of itself.
fn report(out: &[u8], err: &[u8]) -> String {
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    let begins = ["= ERRORS =", "= FAILURES ="].iter().filter_map(|title| out.find(title)).min();
    let told = format!("{}\n{err}", begins.map_or(&*out, |at| &out[at..]));
    let lines = told.lines().take(REPORT_LINES_MAX).map(|line| line.chars().take(LINE_CHARS_MAX).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

async fn document(url: &str) -> Value {
    let document = reqwest::get(format!("{url}/openapi.json")).await.expect("the API answers");
    document.json().await.expect("the document is JSON")
}

/// The operations that are not called: those listed, and what staff do to the installation as a whole, which other tests
/// use. An operation on one thing stays: ids are made up, so the thing is not there.
fn excluded(document: &Value) -> Vec<String> {
    let listed = EXCLUDED.iter().map(|(operation, _)| (*operation).to_owned());
    let paths = document["paths"].as_object().expect("there are paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (path, method, operation))
    });
    let whole = all.filter(|(path, method, operation)| {
        let by_staff = operation["security"].to_string().contains("\"staff\"");
        by_staff && *method != "get" && !(path.contains("{id}") && names_a_thing(operation))
    });
    listed.chain(whole.filter_map(|(_, _, operation)| operation["operationId"].as_str().map(str::to_owned))).collect()
}

/// True when the parameter `id` is an id of ours, of which the made-up ones are nobody's.
fn names_a_thing(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut patterns = parameters.filter(|one| one["name"] == "id").map(|one| one["schema"]["pattern"].as_str());
    patterns.any(|pattern| pattern.is_some_and(|pattern| pattern.ends_with("_[0-9a-f]{32}$")))
}

/// What is there is read and changed by its true name, so that answers are full; all else happens to made-up ids.
async fn settings_of(world: &World) -> String {
    let (person, bot) = (world.person(None).await, world.bot().await);
    let channel = world.channel(&person, &[]).await;
    let (reader, writer) = (world.link_person(&person).await, world.link_bot(&bot).await);
    let made = world.pair(place(&reader, channel), place(&writer, &bot.channel)).await;
    world.controls.telegram.say(channel, person.user, "hello").await.expect("it can be said");
    world.all_sent(&made.id, 1).await;
    let key = json!({ "name": "reads", "scopes": ["read"] });
    let _: Value = world.api.http().post("/keys", &key).await.expect("a key can be made");
    let chat = channel.to_string();
    // The platform is not asked: it has all day, a run has not.
    known(r"^GET /api/accounts/\{id\}/chats$", &[("path.id", &reader), ("query.refresh", "false")])
        + &known(
            r"^(GET|PATCH) /api/accounts/\{id\}($|/pace|/guilds|/chats/)",
            &[("path.id", &reader), ("path.chat", &chat)],
        )
        + &known("^(GET|PATCH) /api/pairs/|^POST /api/pairs/.*/dry-run$", &[("path.id", &made.id)])
}

/// Parameters that operations get whose `METHOD /path` matches `names`.
fn known(names: &str, values: &[(&str, &str)]) -> String {
    let values: Vec<String> = values.iter().map(|(name, value)| format!("\"{name}\" = \"{value}\"")).collect();
    format!("[[operations]]\ninclude-name-regex = '{names}'\nparameters = {{ {} }}\n\n", values.join(", "))
}

fn token_of(world: &World) -> String {
    world.api.http().token().expect("the tenant is signed in").to_owned()
}

/// Somebody who runs the installation, signed in as such.
async fn admin(stack: &Stack) -> (UserId, String) {
    let world = World::new(stack).await;
    let me: Value = world.api.http().get("/auth/me").await.expect("the tenant is signed in");
    let id: UserId = me["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let pool = store::connect(&stack.urls().database.into()).expect("the URL is good");
    let mut database = pool.acquire().await.expect("the database answers");
    store::users::set_role(&mut database, id, Role::Admin).await.expect("a role can be given");
    let credentials = json!({ "email": me["email"], "password": PASSWORD });
    let session: Value = world.api.http().post("/admin/auth/login", &credentials).await.expect("staff can sign in");
    (id, session["token"].as_str().expect("a token").to_owned())
}
