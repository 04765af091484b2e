//! What the operator does at the console: makes staff, and brings users along from elsewhere.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness,
    member::{Member, anonymous, email, get},
    world::assert_refused,
};

/// "a password from elsewhere", as bcrypt and as argon2id with parameters that are not ours.
const ELSEWHERE: &str = "a password from elsewhere";
const ARGON2: &str = "$argon2id$v=19$m=4096,t=3,p=1$c29tZSBzYWx0IG9mIHRoZWlycw$";

async fn hash_of(pool: &PgPool, email: &str) -> String {
    sqlx::query_scalar("SELECT password_hash FROM users WHERE email = $1").bind(email).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn users_come_along_with_their_passwords_which_are_hashed_better_at_log_in() {
    let stack = harness::shared().await;
    let (verified, unverified, refused) = (email(), email(), email());
    let bcrypt = bcrypt::hash(ELSEWHERE, 4).unwrap();
    let file = format!(
        "email,hash,verified\n{verified},{bcrypt},verified\n\n# a comment\n\"{unverified}\",\"{bcrypt}\"\n\
         {refused},plain text\nnobody,{bcrypt}\n{refused},{ARGON2}\n"
    );
    let said = stack.run_api(&["import-users", "-"], &file).await.unwrap();
    assert!(!said.success, "{said:?}");
    let lines: Vec<&str> = said.output.lines().collect();
    assert_eq!(lines.len(), 6, "{said:?}");
    for (line, begins) in lines.iter().zip([
        "line 2: imported as user_",
        "line 5: imported as user_",
        "line 6: refused: ",
        "line 7: refused: this is not an e-mail address",
        "line 8: refused: ",
        "imported 2, there already 0, refused 3",
    ]) {
        assert!(line.starts_with(begins), "{line} instead of {begins}");
    }
    assert!(!said.output.contains("plain text") && !said.output.contains(&bcrypt), "{said:?}");
    // Again changes nothing.
    let again = stack.run_api(&["import-users", "-"], &format!("{verified},{bcrypt}\n{unverified},{bcrypt}")).await;
    let again = again.unwrap();
    assert!(again.success && again.output.ends_with("imported 0, there already 2, refused 0\n"), "{again:?}");

    let pool = PgPool::connect(&stack.urls().database).await.unwrap();
    assert_eq!(hash_of(&pool, &verified).await, bcrypt);
    let http = anonymous(&stack.urls().api);
    let credentials = |email: &str| json!({ "email": email, "password": ELSEWHERE });
    let session: Value = http.post("/auth/login", &credentials(&verified)).await.unwrap();
    assert_eq!(session["user"]["email_verified"], true);
    let better = hash_of(&pool, &verified).await;
    assert!(better.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{better}");
    http.post::<Value>("/auth/login", &credentials(&verified)).await.unwrap();
    assert_eq!(hash_of(&pool, &verified).await, better);
    let session: Value = http.post("/auth/login", &credentials(&unverified)).await.unwrap();
    assert_eq!(session["user"]["email_verified"], false);
    let acts: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_log WHERE action = 'user.import' AND user_id = $1")
        .bind(uuid(&session["user"]["id"]))
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(acts, 1);
}

fn uuid(id: &Value) -> sqlx::types::Uuid {
    id.as_str().unwrap().parse::<domain::UserId>().unwrap().as_uuid()
}

#[tokio::test]
async fn the_first_admin_is_made_at_the_console() {
    let stack = harness::shared().await;
    let member = Member::new(&stack).await;
    let log_in = async || {
        let body = json!({ "email": member.email, "password": crate::world::PASSWORD });
        member.http.post::<Value>("/admin/auth/login", &body).await
    };
    assert_refused(&log_in().await.unwrap_err(), 401, "bad_credentials");
    for said in ["was user and is admin now", "is admin already"] {
        let made = stack.run_api(&["role", &member.email.to_uppercase(), "admin"], "").await.unwrap();
        assert!(made.success && made.output.contains(said), "{made:?}");
    }
    let session = log_in().await.unwrap();
    let api = member.http.with_token(session["token"].as_str().unwrap());
    assert_eq!(get(&api, "/admin/auth/me").await.unwrap()["role"], "admin");
    let pool = PgPool::connect(&stack.urls().database).await.unwrap();
    let acts: Vec<Value> = sqlx::query_scalar(
        "SELECT jsonb_build_object('actor', actor_id, 'before', before, 'after', after) FROM audit_log
         WHERE action = 'user.role' AND user_id = $1",
    )
    .bind(uuid(&member.session["user"]["id"]))
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(acts, [json!({ "actor": null, "before": { "role": "user" }, "after": { "role": "admin" } })]);
    for wrong in [["role", "nobody-at-all@example.org", "admin"], ["role", member.email.as_str(), "root"]] {
        assert!(!stack.run_api(&wrong, "").await.unwrap().success);
    }
}
