//! The complete table of methods. What is not here is answered with `INPUT_METHOD_INVALID` and a log line.

use grammers_tl_types::{self as tl, Deserializable as _, Identifiable as _, Serializable as _, functions};

use super::failure::Failure;
use super::{
    Call, account, auth, bots, channels, chats, dialogs, edit, forum, forward, help, history, send, updates, upload,
    users,
};
use crate::telegram::world::model::Login;

/// For each row: when the constructor matches, read the arguments, call the handler, serialise its answer.
macro_rules! table {
    ($call:ident, $id:ident, $arguments:ident, { $($($path:ident)::+ => $handler:path,)* }) => {
        match $id {
            $(functions::$($path)::+::CONSTRUCTOR_ID => {
                let request = functions::$($path)::+::from_bytes($arguments)?;
                Some($handler($call, request)?.to_bytes())
            })*
            _ => None,
        }
    };
}

/// Finds the method and carries it out; `arguments` is the request without its constructor.
pub(super) fn route(call: &mut Call<'_>, id: u32, arguments: &[u8]) -> Result<Vec<u8>, Failure> {
    if let Some(answer) = anonymous(call, id, arguments)? {
        return Ok(answer);
    }
    if call.me == 0 {
        return Err(Failure::unauthorized(match call.state.world.logins.get(&call.caller.key_id) {
            Some(Login::Revoked) => "SESSION_REVOKED",
            // A correct code with the password still missing is not a login.
            Some(Login::PasswordPending(_)) => "SESSION_PASSWORD_NEEDED",
            Some(Login::User(_)) | None => "AUTH_KEY_UNREGISTERED",
        }));
    }
    if call.state.world.is_banned(call.me) {
        return Err(Failure::unauthorized("USER_DEACTIVATED_BAN"));
    }
    if call.is_bot() && is_closed_to_bots(id) {
        return Err(Failure::bad("BOT_METHOD_INVALID"));
    }
    if let Some(answer) = account_methods(call, id, arguments)? {
        return Ok(answer);
    }
    if let Some(answer) = message_methods(call, id, arguments)? {
        return Ok(answer);
    }
    tracing::warn!(rpc.method = tl::name_for_id(id), user.id = call.me, "A method is not implemented.");
    Err(Failure::bad("INPUT_METHOD_INVALID"))
}

/// Methods that need no account.
fn anonymous(call: &mut Call<'_>, id: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    Ok(table!(call, id, arguments, {
        help::GetConfig => help::get_config,
        help::GetNearestDc => help::get_nearest_dc,
        help::GetAppConfig => help::get_app_config,
        auth::SendCode => auth::send_code,
        auth::ResendCode => auth::resend_code,
        auth::CancelCode => auth::cancel_code,
        auth::SignIn => auth::sign_in,
        auth::SignUp => auth::sign_up,
        auth::CheckPassword => auth::check_password,
        auth::ImportBotAuthorization => auth::import_bot_authorization,
        auth::LogOut => auth::log_out,
        account::GetPassword => account::get_password,
    }))
}

/// Methods about the account, its state, and whom it knows.
fn account_methods(call: &mut Call<'_>, id: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    Ok(table!(call, id, arguments, {
        account::UpdateStatus => account::update_status,
        account::UpdateProfile => account::update_profile,
        updates::GetState => updates::get_state,
        updates::GetDifference => updates::get_difference,
        updates::GetChannelDifference => updates::get_channel_difference,
        users::GetUsers => users::get_users,
        users::GetFullUser => users::get_full_user,
        contacts::ResolveUsername => users::resolve_username,
        contacts::GetContacts => users::get_contacts,
        upload::SaveFilePart => upload::save_file_part,
        upload::SaveBigFilePart => upload::save_big_file_part,
        upload::GetFile => upload::get_file,
        contacts::Block => bots::block,
        contacts::Unblock => bots::unblock,
        bots::SetBotCommands => bots::set_bot_commands,
        bots::GetBotCommands => bots::get_bot_commands,
    }))
}

/// What only people may ask: bots cannot look back, list, or join by themselves.
fn is_closed_to_bots(id: u32) -> bool {
    [
        functions::messages::GetDialogs::CONSTRUCTOR_ID,
        functions::messages::GetPinnedDialogs::CONSTRUCTOR_ID,
        functions::messages::GetPeerDialogs::CONSTRUCTOR_ID,
        functions::messages::GetHistory::CONSTRUCTOR_ID,
        functions::messages::GetReplies::CONSTRUCTOR_ID,
        functions::messages::Search::CONSTRUCTOR_ID,
        functions::messages::ReadHistory::CONSTRUCTOR_ID,
        functions::messages::CreateChat::CONSTRUCTOR_ID,
        functions::messages::AddChatUser::CONSTRUCTOR_ID,
        functions::messages::StartBot::CONSTRUCTOR_ID,
        functions::channels::ReadHistory::CONSTRUCTOR_ID,
        functions::channels::CreateChannel::CONSTRUCTOR_ID,
        functions::channels::InviteToChannel::CONSTRUCTOR_ID,
        functions::channels::JoinChannel::CONSTRUCTOR_ID,
        functions::contacts::GetContacts::CONSTRUCTOR_ID,
        functions::contacts::Block::CONSTRUCTOR_ID,
        functions::contacts::Unblock::CONSTRUCTOR_ID,
    ]
    .contains(&id)
}

/// Methods about chats and messages.
fn message_methods(call: &mut Call<'_>, id: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    Ok(table!(call, id, arguments, {
        messages::GetDialogs => dialogs::get_dialogs,
        messages::GetPinnedDialogs => dialogs::get_pinned_dialogs,
        messages::GetPeerDialogs => dialogs::get_peer_dialogs,
        messages::GetHistory => history::get_history,
        messages::GetReplies => history::get_replies,
        messages::Search => history::search,
        messages::GetMessages => history::get_messages,
        channels::GetMessages => history::get_channel_messages,
        messages::ReadHistory => history::read_history,
        channels::ReadHistory => history::read_channel_history,
        messages::SendMessage => send::send_message,
        messages::SendMedia => send::send_media,
        messages::SendMultiMedia => send::send_multi_media,
        messages::UploadMedia => send::upload_media,
        messages::SetTyping => send::set_typing,
        messages::StartBot => bots::start_bot,
        messages::ForwardMessages => forward::forward_messages,
        messages::EditMessage => edit::edit_message,
        messages::DeleteMessages => edit::delete_messages,
        channels::DeleteMessages => edit::delete_channel_messages,
        messages::GetChats => chats::get_chats,
        messages::GetFullChat => chats::get_full_chat,
        messages::CreateChat => chats::create_chat,
        messages::AddChatUser => chats::add_chat_user,
        messages::DeleteChatUser => chats::delete_chat_user,
        messages::EditChatTitle => chats::edit_chat_title,
        channels::CreateChannel => channels::create_channel,
        channels::GetChannels => channels::get_channels,
        channels::GetFullChannel => channels::get_full_channel,
        channels::GetParticipant => channels::get_participant,
        channels::GetParticipants => channels::get_participants,
        channels::InviteToChannel => channels::invite_to_channel,
        channels::JoinChannel => channels::join_channel,
        channels::LeaveChannel => channels::leave_channel,
        channels::EditTitle => channels::edit_title,
        messages::CreateForumTopic => forum::create_forum_topic,
        messages::GetForumTopics => forum::get_forum_topics,
        messages::GetForumTopicsById => forum::get_forum_topics_by_id,
    }))
}
