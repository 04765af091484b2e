//! Users as an account sees them.

use std::sync::LazyLock;

use grammers_tl_types::{enums, types};

use super::file::DC_ID;
use super::{View, template};
use crate::telegram::world::peer::{Peer, access_hash};

static USER: LazyLock<types::User> = LazyLock::new(|| template(&[]));

impl View<'_> {
    /// The user, with the phone number only for the account itself.
    pub(crate) fn user(&self, id: i64) -> Option<enums::User> {
        let user = self.world.users.get(&id)?;
        let is_me = id == self.me;
        let is_bot = user.is_bot();
        Some(
            types::User {
                id,
                is_self: is_me,
                bot: is_bot,
                bot_info_version: is_bot.then_some(1),
                access_hash: Some(access_hash(self.me, Peer::User(id))),
                first_name: Some(user.first_name.clone()),
                last_name: Some(user.last_name.clone()).filter(|name| !name.is_empty()),
                username: user.username.clone(),
                photo: user.photo.map(|photo_id| {
                    types::UserProfilePhoto {
                        has_video: false,
                        personal: false,
                        photo_id,
                        stripped_thumb: None,
                        dc_id: DC_ID,
                    }
                    .into()
                }),
                phone: user.phone.clone().filter(|_| is_me),
                ..USER.clone()
            }
            .into(),
        )
    }
}
