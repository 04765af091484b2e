//! `causeway-sandbox up`: the stack, left running.

use std::{future::pending, time::Instant};

use super::{StackArgs, stop_on_signal, with_stack};
use crate::stack::{Progress, Stack, Urls, span};

/// Starts the stack, says where everything is, and runs until it is stopped.
///
/// # Errors
/// When it cannot be started or a part dies.
pub async fn up(args: StackArgs) -> anyhow::Result<()> {
    let stop = stop_on_signal()?;
    let options = args.options("stack")?;
    let (started, progress) = (Instant::now(), options.progress);
    progress.heading("Starting Causeway");
    with_stack(Stack::start(options), &stop, async |stack| {
        progress.line(&format!("  all ready after {}", span(started.elapsed())));
        describe(progress, stack);
        pending::<anyhow::Result<()>>().await
    })
    .await?;
    Ok(())
}

fn describe(progress: Progress, stack: &Stack) {
    let urls = stack.urls();
    progress.heading("Where things are");
    let rows = [
        ("API", &urls.api),
        ("API documentation", &urls.docs),
        ("Temporal UI", &urls.temporal_ui),
        ("Telegram control", &urls.telegram_control),
        ("Discord control", &urls.discord_control),
        ("mail control", &urls.smtp_control),
        ("PayPal control", &urls.paypal_control),
        ("NOWPayments control", &urls.nowpayments_control),
        ("database", &urls.database),
    ];
    for (name, url) in rows {
        progress.line(&format!("  {name:<19} {url}"));
    }
    let logs = stack.options().log_dir.display().to_string();
    progress.line(&format!("  {:<19} {logs}", "logs"));
    progress.heading("Try it (paste into another terminal)");
    progress.line(&first_steps(&urls));
    progress.line("\nCtrl-C stops everything.");
}

/// Commands that link a Telegram account and a Discord bot, forward a channel, and show what arrives.
fn first_steps(urls: &Urls) -> String {
    let Urls { api, telegram_control, discord_control, .. } = urls;
    format!(
        r#"api={api}/api tg={telegram_control} dc={discord_control}
field() {{ python3 -c 'import json,sys; v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[k]
print(v)' "$1"; }}
post() {{ curl -sS -X POST -H 'content-type: application/json' ${{token:+-H "authorization: Bearer $token"}} "$@"; }}
email="me$RANDOM$RANDOM@example.org" phone="+1555$RANDOM$RANDOM"
# a person and a channel on Telegram, a bot and a text channel on Discord
alice=$(post $tg/users -d '{{"phone":"'$phone'","first_name":"Alice"}}' | field id)
news=$(post $tg/chats -d '{{"kind":"channel","title":"News","creator":'$alice',"members":['$alice']}}' | field dialog_id)
bot=$(post $dc/bots -d '{{"username":"courier"}}'); channel=$(post $dc/guilds -d '{{"name":"Office","bots":["'$(echo $bot | field id)'"]}}' | field channel_id)
# register, link both accounts
token=$(post $api/auth/register -d '{{"email":"'$email'","password":"correct horse battery"}}' | field token)
telegram=$(post $api/accounts/telegram -d '{{"phone":"'$phone'"}}' | field id)
post $api/accounts/$telegram/code -d '{{"code":"'$(curl -sS $tg/codes/$phone | field code)'"}}'; echo
discord=$(post $api/accounts/discord -d '{{"token":"'$(echo $bot | field token)'"}}' | field id)
sleep 3; curl -sS -H "authorization: Bearer $token" $api/accounts; echo
# forward News to #general, write in News, look at #general
post $api/pairs -d '{{"name":"News to Office","source":{{"account":"'$telegram'","chat":"'$news'"}},"destination":{{"account":"'$discord'","chat":"'$channel'"}}}}'; echo
post $tg/chats/$news/messages -d '{{"from":'$alice',"text":"Hello from Telegram"}}'; echo
sleep 1; curl -sS $dc/channels/$channel/messages; echo"#
    )
}
