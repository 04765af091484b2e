//! What a client asks before anything else: where to connect and which limits hold.

use std::sync::LazyLock;

use grammers_tl_types::{Serializable as _, enums, functions, types};

use super::failure::Failure;
use super::{Call, now};
use crate::telegram::wire::file::DC_ID;
use crate::telegram::wire::template;

/// The longest text of a message, in UTF-16 code units.
pub(crate) const MESSAGE_MAX: usize = 4096;
/// The longest caption, in UTF-16 code units.
pub(crate) const CAPTION_MAX: usize = 1024;

static CONFIG: LazyLock<types::Config> = LazyLock::new(|| {
    // Flags, date, expires, test mode, this DC, no DC options; the rest is zero.
    let mut prefix = vec![0; 4 + 4 + 4];
    false.serialize(&mut prefix);
    DC_ID.serialize(&mut prefix);
    Vec::<enums::DcOption>::new().serialize(&mut prefix);
    template(&prefix)
});

pub(super) fn get_config(call: &mut Call<'_>, _: functions::help::GetConfig) -> Result<enums::Config, Failure> {
    // Exactly one data centre, this one: clients never look for another.
    let option = types::DcOption {
        ipv6: false,
        media_only: false,
        tcpo_only: false,
        cdn: false,
        r#static: true,
        this_port_only: true,
        id: DC_ID,
        ip_address: "127.0.0.1".into(),
        port: i32::from(call.server.port),
        secret: None,
    };
    Ok(types::Config {
        date: now(),
        expires: now() + 3600,
        dc_options: vec![enums::DcOption::Option(option)],
        chat_size_max: 200,
        megagroup_size_max: 200_000,
        forwarded_count_max: 100,
        edit_time_limit: 172_800,
        revoke_time_limit: i32::MAX,
        revoke_pm_time_limit: i32::MAX,
        caption_length_max: CAPTION_MAX as i32,
        message_length_max: MESSAGE_MAX as i32,
        me_url_prefix: "https://t.me/".into(),
        ..CONFIG.clone()
    }
    .into())
}

pub(super) fn get_nearest_dc(_: &mut Call<'_>, _: functions::help::GetNearestDc) -> Result<enums::NearestDc, Failure> {
    Ok(types::NearestDc { country: "XX".into(), this_dc: DC_ID, nearest_dc: DC_ID }.into())
}

pub(super) fn get_app_config(
    _: &mut Call<'_>,
    _: functions::help::GetAppConfig,
) -> Result<enums::help::AppConfig, Failure> {
    let config = enums::Jsonvalue::JsonObject(types::JsonObject { value: Vec::new() });
    Ok(types::help::AppConfig { hash: 0, config }.into())
}
