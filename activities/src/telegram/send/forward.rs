//! Native forwards.

use domain::ChatId;
use grammers_tl_types::{enums, functions};

use super::{sent_ids, topic};
use crate::{
    platform::{PlatformError, SendRequest, Sent},
    telegram::{account::Account, history::message_number},
};

impl Account {
    pub(super) async fn forward(
        &self,
        request: &SendRequest,
        from: ChatId,
        message_ids: &[i64],
    ) -> Result<Sent, PlatformError> {
        let call = functions::messages::ForwardMessages {
            from_peer: self.input_peer(from).await?,
            id: message_ids.iter().map(|id| message_number(*id)).collect::<Result<_, _>>()?,
            random_id: (0..message_ids.len()).map(|index| request.key.item(index).random_id()).collect(),
            to_peer: self.input_peer(request.chat).await?,
            top_msg_id: topic(request).map(message_number).transpose()?,
            ..forward_call(request.silent)
        };
        sent_ids(&self.link.call(&call).await?, request, message_ids.len())
    }
}

const fn forward_call(silent: bool) -> functions::messages::ForwardMessages {
    functions::messages::ForwardMessages {
        silent,
        background: false,
        with_my_score: false,
        drop_author: false,
        drop_media_captions: false,
        noforwards: false,
        allow_paid_floodskip: false,
        from_ephemeral: false,
        from_peer: enums::InputPeer::Empty,
        id: Vec::new(),
        random_id: Vec::new(),
        to_peer: enums::InputPeer::Empty,
        top_msg_id: None,
        reply_to: None,
        schedule_date: None,
        schedule_repeat_period: None,
        send_as: None,
        quick_reply_shortcut: None,
        effect: None,
        video_timestamp: None,
        allow_paid_stars: None,
        suggested_post: None,
    }
}
