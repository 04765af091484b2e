//! Logging in, in every way that succeeds or fails.

use grammers_client::SignInError;
use grammers_client::client::PasswordToken;
use grammers_tl_types::{enums, functions, types};
use serde_json::json;

use super::support::{Device, World, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_logs_in_and_a_wrong_one_does_not() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let device = world.stranger().await;
    assert!(!device.client.is_authorized().await.unwrap());
    let written = format!("+{} {}", &ada.phone[..3], &ada.phone[3..]);
    let token = device.client.request_login_code(&written, "hash").await.unwrap();
    let code = world.code(&ada.phone).await;
    let wrong = if code == "00000" { "00001" } else { "00000" };
    let error = device.client.sign_in(&token, wrong).await.unwrap_err();
    assert!(matches!(error, SignInError::InvalidCode), "{error}");
    let user = device.client.sign_in(&token, &code).await.unwrap();
    assert_eq!(user.id().bare_id(), Some(ada.id));
    assert!(device.client.is_authorized().await.unwrap());
    device.client.sign_out().await.unwrap();
    assert!(!device.client.is_authorized().await.unwrap());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_told_apart() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let device = world.stranger().await;
    let error = device.client.request_login_code("not a number", "hash").await.err().unwrap();
    assert!(error.is("PHONE_NUMBER_INVALID"), "{error}");
    // A number without an account gets a code, and then has to sign up.
    let token = device.client.request_login_code("+99988877766", "hash").await.unwrap();
    let error = device.client.sign_in(&token, &world.code("99988877766").await).await.unwrap_err();
    assert!(matches!(error, SignInError::SignUpRequired), "{error}");
    // An expired code is not a wrong one.
    let sent = send_code(&device, &ada.phone).await;
    world.post("/faults", json!({ "kind": "expire_code", "phone": ada.phone })).await;
    let sign_in = functions::auth::SignIn {
        phone_number: ada.phone.clone(),
        phone_code_hash: sent.phone_code_hash,
        phone_code: Some(world.code(&ada.phone).await),
        email_verification: None,
    };
    let error = device.client.invoke(&sign_in).await.unwrap_err();
    assert!(error.is("PHONE_CODE_EXPIRED"), "{error}");
    world.post("/faults", json!({ "kind": "ban", "phone": ada.phone })).await;
    let error = device.client.request_login_code(&ada.phone, "hash").await.err().unwrap();
    assert!(error.is("PHONE_NUMBER_BANNED"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_number_signs_up() {
    let world = World::start().await;
    let device = world.stranger().await;
    let sent = send_code(&device, "99912345678").await;
    let sign_in = functions::auth::SignIn {
        phone_number: "99912345678".into(),
        phone_code_hash: sent.phone_code_hash.clone(),
        phone_code: Some(world.code("99912345678").await),
        email_verification: None,
    };
    let answer = device.client.invoke(&sign_in).await.unwrap();
    assert!(matches!(answer, enums::auth::Authorization::SignUpRequired(_)));
    let sign_up = functions::auth::SignUp {
        no_joined_notifications: false,
        phone_number: "99912345678".into(),
        phone_code_hash: sent.phone_code_hash,
        first_name: "Grace".into(),
        last_name: "Hopper".into(),
    };
    device.client.invoke(&sign_up).await.unwrap();
    assert_eq!(device.client.get_me().await.unwrap().first_name(), Some("Grace"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_step_verification_wants_the_right_password() {
    let world = World::start().await;
    let body = json!({ "phone": "99911122233", "first_name": "Ada", "password": "correct horse" });
    world.post("/users", body).await;
    let device = world.stranger().await;
    let token = device.client.request_login_code("99911122233", "hash").await.unwrap();
    let error = device.client.sign_in(&token, &world.code("99911122233").await).await.unwrap_err();
    let SignInError::PasswordRequired(password) = error else { panic!("{error}") };
    assert!(!device.client.is_authorized().await.unwrap(), "the code alone is not enough");
    let error = device.client.check_password(password, "battery staple").await.unwrap_err();
    assert!(matches!(error, SignInError::InvalidPassword(_)), "{error}");
    // A challenge is good for one attempt, so the next one needs a new challenge.
    let password = device.client.invoke(&functions::account::GetPassword {}).await.unwrap();
    let password = PasswordToken::new(password.into());
    device.client.check_password(password, "correct horse").await.unwrap();
    assert!(device.client.is_authorized().await.unwrap());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_logs_in_by_token() {
    let world = World::start().await;
    let bot = world.post("/bots", json!({ "username": "helper_bot" })).await;
    let device = world.stranger().await;
    let error = device.client.bot_sign_in("1:wrong", "hash").await.unwrap_err();
    assert!(error.is("ACCESS_TOKEN_INVALID"), "{error}");
    let user = device.client.bot_sign_in(bot["token"].as_str().unwrap(), "hash").await.unwrap();
    assert!(user.is_bot());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_and_an_unknown_key_are_refused() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let device = world.device(&ada).await;
    world.post("/faults", json!({ "kind": "revoke", "user": ada.id })).await;
    let error = device.client.get_me().await.unwrap_err();
    assert!(error.is("AUTH_KEY_UNREGISTERED"), "{error}");
    let device = world.device(&ada).await;
    world.post("/faults", json!({ "kind": "revoke", "user": ada.id, "message": "SESSION_REVOKED" })).await;
    let error = device.client.get_me().await.unwrap_err();
    assert!(error.is("SESSION_REVOKED"), "{error}");
    let device = world.device(&ada).await;
    world.post("/faults", json!({ "kind": "ban", "phone": ada.phone })).await;
    let error = device.client.get_me().await.unwrap_err();
    assert!(error.is("USER_DEACTIVATED_BAN"), "{error}");
    let stray = Device::connect(session(world.address.port(), Some([7; 256])));
    assert!(stray.client.is_authorized().await.is_err());
    world.end().await;
}

async fn send_code(device: &Device, phone: &str) -> types::auth::SentCode {
    let request = functions::auth::SendCode {
        phone_number: phone.into(),
        api_id: 1,
        api_hash: "hash".into(),
        settings: crate::telegram::wire::template::<types::CodeSettings>(&[]).into(),
    };
    match device.client.invoke(&request).await.unwrap() {
        enums::auth::SentCode::Code(sent) => sent,
        other => panic!("no code was sent: {other:?}"),
    }
}
