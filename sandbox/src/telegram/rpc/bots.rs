//! Bots: starting one, blocking one, and the menu that it shows.

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::send::{Draft, post_all};
use super::{Call, now};
use crate::telegram::world::bot::BotCommand;
use crate::telegram::world::event::Event;
use crate::telegram::world::model::Content;
use crate::telegram::world::peer::Peer;

/// The longest payload of a deep link.
const START_PARAMETER_MAX: usize = 64;
/// The most entries of a menu.
const COMMANDS_MAX: usize = 100;
/// The longest name of a command, and the longest description.
const COMMAND_MAX: usize = 32;
const DESCRIPTION_MAX: usize = 256;

/// What a person writes who presses "start" on `t.me/<bot>?start=<parameter>`; None when no link can hold the parameter.
pub(crate) fn start_text(parameter: &str) -> Option<String> {
    let fits = parameter.len() <= START_PARAMETER_MAX;
    let is_plain = parameter.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (fits && is_plain).then(|| format!("/start {parameter}").trim_end().to_owned())
}

pub(super) fn start_bot(
    call: &mut Call<'_>,
    request: functions::messages::StartBot,
) -> Result<enums::Updates, Failure> {
    let bot = call.input_user(&request.bot)?;
    if !call.state.world.is_bot(bot) {
        return Err(Failure::bad("BOT_INVALID"));
    }
    let to = call.writable(&request.peer)?;
    if to != Peer::User(bot) {
        // Bots in groups are not part of the sandbox.
        return Err(Failure::bad("PEER_ID_INVALID"));
    }
    let text = start_text(&request.start_param).ok_or_else(|| Failure::bad("START_PARAM_INVALID"))?;
    let content = Content { text, ..Content::by(call.me, now()) };
    post_all(call, to, vec![Draft { random_id: request.random_id, reply: None, content }])
}

pub(super) fn block(call: &mut Call<'_>, request: functions::contacts::Block) -> Result<bool, Failure> {
    set_block(call, &request.id, true)
}

pub(super) fn unblock(call: &mut Call<'_>, request: functions::contacts::Unblock) -> Result<bool, Failure> {
    set_block(call, &request.id, false)
}

fn set_block(call: &mut Call<'_>, peer: &enums::InputPeer, blocked: bool) -> Result<bool, Failure> {
    match call.readable(peer)? {
        Peer::User(user) if user != call.me => {
            call.commit(vec![Event::BlockSet { by: call.me, user, blocked }])?;
            Ok(true)
        }
        Peer::User(_) | Peer::Group(_) | Peer::Channel(_) => Err(Failure::bad("CONTACT_ID_INVALID")),
    }
}

pub(super) fn set_bot_commands(call: &mut Call<'_>, request: functions::bots::SetBotCommands) -> Result<bool, Failure> {
    of_everybody(call, &request.scope, &request.lang_code)?;
    if request.commands.len() > COMMANDS_MAX {
        return Err(Failure::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let commands = request.commands.into_iter().map(|enums::BotCommand::Command(command)| checked(command));
    let commands = commands.collect::<Result<Vec<_>, _>>()?;
    call.commit(vec![Event::CommandsSet { bot: call.me, commands }])?;
    Ok(true)
}

pub(super) fn get_bot_commands(
    call: &mut Call<'_>,
    request: functions::bots::GetBotCommands,
) -> Result<Vec<enums::BotCommand>, Failure> {
    of_everybody(call, &request.scope, &request.lang_code)?;
    let commands = call.state.world.commands.get(&call.me).into_iter().flatten();
    let shown = |known: &BotCommand| {
        let (command, description) = (known.command.clone(), known.description.clone());
        types::BotCommand { ephemeral: false, command, description }.into()
    };
    Ok(commands.map(shown).collect())
}

/// The sandbox's bots show everybody the same menu, in one language.
fn of_everybody(call: &Call<'_>, scope: &enums::BotCommandScope, language: &str) -> Result<(), Failure> {
    if !call.is_bot() {
        return Err(Failure::bad("USER_BOT_REQUIRED"));
    }
    match scope {
        enums::BotCommandScope::Default if language.is_empty() => Ok(()),
        _ => Err(Failure::bad("INPUT_METHOD_INVALID")),
    }
}

fn checked(command: types::BotCommand) -> Result<BotCommand, Failure> {
    let types::BotCommand { command, description, .. } = command;
    let is_plain = command.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if command.is_empty() || command.len() > COMMAND_MAX || !is_plain {
        return Err(Failure::bad("BOT_COMMAND_INVALID"));
    }
    let length = description.encode_utf16().count();
    if length == 0 || length > DESCRIPTION_MAX {
        return Err(Failure::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok(BotCommand { command, description })
}

#[cfg(test)]
mod tests {
    use super::start_text;

    #[test]
    fn a_deep_link_holds_little() {
        assert_eq!(start_text("").as_deref(), Some("/start"));
        assert_eq!(start_text("Ab0_-").as_deref(), Some("/start Ab0_-"));
        for wrong in ["a b", "a=b", &"x".repeat(65)] {
            assert_eq!(start_text(wrong), None, "{wrong}");
        }
    }
}
