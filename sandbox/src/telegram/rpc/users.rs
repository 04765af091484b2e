//! People and names.

use grammers_tl_types::{Serializable as _, enums, functions, types};

use super::Call;
use super::failure::Failure;
use crate::telegram::wire::template;
use crate::telegram::world::peer::Peer;

pub(super) fn get_users(call: &mut Call<'_>, request: functions::users::GetUsers) -> Result<Vec<enums::User>, Failure> {
    // Unknown users are left out, as on the real service.
    let ids: Vec<i64> = request.id.iter().filter_map(|user| call.input_user(user).ok()).collect();
    let view = call.view();
    Ok(ids.into_iter().filter_map(|id| view.user(id)).collect())
}

pub(super) fn get_full_user(
    call: &mut Call<'_>,
    request: functions::users::GetFullUser,
) -> Result<enums::users::UserFull, Failure> {
    let id = call.input_user(&request.id)?;
    let user = call.view().user(id).ok_or_else(|| Failure::bad("USER_ID_INVALID"))?;
    // Two flag words, the id, then the two mandatory structures, then one count.
    let mut prefix = vec![0; 8];
    id.serialize(&mut prefix);
    enums::PeerSettings::from(template::<types::PeerSettings>(&[])).serialize(&mut prefix);
    enums::PeerNotifySettings::from(template::<types::PeerNotifySettings>(&[])).serialize(&mut prefix);
    let full: types::UserFull = template(&prefix);
    Ok(types::users::UserFull { full_user: full.into(), chats: Vec::new(), users: vec![user] }.into())
}

pub(super) fn resolve_username(
    call: &mut Call<'_>,
    request: functions::contacts::ResolveUsername,
) -> Result<enums::contacts::ResolvedPeer, Failure> {
    let username = request.username.trim_start_matches('@');
    if username.is_empty() {
        return Err(Failure::bad("USERNAME_INVALID"));
    }
    let peer = call.state.world.by_username(username).ok_or_else(|| Failure::bad("USERNAME_NOT_OCCUPIED"))?;
    let mut view = call.view();
    view.mention(peer);
    let (users, chats) = view.peers();
    Ok(types::contacts::ResolvedPeer { peer: peer.to_tl(), chats, users }.into())
}

/// The sandbox keeps no address books: the contacts are the people of one's private chats.
pub(super) fn get_contacts(
    call: &mut Call<'_>,
    _: functions::contacts::GetContacts,
) -> Result<enums::contacts::Contacts, Failure> {
    let view = call.view();
    let dialogs = view.world.accounts.get(&call.me).map(|account| &account.dialogs);
    let ids = dialogs.into_iter().flatten().filter_map(|(peer, _)| match peer {
        Peer::User(id) if *id != call.me => Some(*id),
        _ => None,
    });
    let users: Vec<enums::User> = ids.filter_map(|id| view.user(id)).collect();
    let contacts = users.iter().map(|user| types::Contact { user_id: user.id(), mutual: false }.into()).collect();
    Ok(types::contacts::Contacts { contacts, saved_count: 0, users }.into())
}
