use grammers_tl_types::Deserializable;

use super::*;

fn blank<T: Deserializable>() -> T {
    T::from_bytes(&[0; 256]).unwrap()
}

fn channel() -> types::Channel {
    let mut bytes = vec![0; 8 + 8];
    bytes.extend([0; 4]);
    // The photo is the one mandatory enumeration: its constructor id stands after the ids and the title.
    let photo: Vec<u8> = grammers_tl_types::Serializable::to_bytes(&enums::ChatPhoto::Empty);
    bytes.extend(photo);
    bytes.extend([0; 64]);
    let channel = types::Channel::from_bytes(&bytes).unwrap();
    types::Channel { id: 77, title: "News".into(), ..channel }
}

fn rights(post_messages: bool) -> Option<enums::ChatAdminRights> {
    Some(types::ChatAdminRights { post_messages, ..blank() }.into())
}

fn banned(send_messages: bool, send_plain: bool) -> Option<enums::ChatBannedRights> {
    Some(types::ChatBannedRights { send_messages, send_plain, ..blank() }.into())
}

#[test]
fn rights_decide_whether_a_chat_can_be_a_destination() {
    let broadcast = || types::Channel { broadcast: true, ..channel() };
    let group = || types::Channel { megagroup: true, ..channel() };
    for (what, channel, kind, can_read, can_write) in [
        ("reader", broadcast(), ChatKind::Channel, true, false),
        ("creator", types::Channel { creator: true, ..broadcast() }, ChatKind::Channel, true, true),
        ("poster", types::Channel { admin_rights: rights(true), ..broadcast() }, ChatKind::Channel, true, true),
        ("admin", types::Channel { admin_rights: rights(false), ..broadcast() }, ChatKind::Channel, true, false),
        ("left", types::Channel { left: true, creator: true, ..broadcast() }, ChatKind::Channel, false, false),
        ("member", group(), ChatKind::Group, true, true),
        ("muted", types::Channel { banned_rights: banned(true, false), ..group() }, ChatKind::Group, true, false),
        (
            "quiet",
            types::Channel { default_banned_rights: banned(false, true), ..group() },
            ChatKind::Group,
            true,
            false,
        ),
        (
            "admin of a quiet group",
            types::Channel { default_banned_rights: banned(true, true), admin_rights: rights(false), ..group() },
            ChatKind::Group,
            true,
            true,
        ),
        ("gigagroup", types::Channel { gigagroup: true, ..group() }, ChatKind::Group, true, false),
    ] {
        let facts = super::group(&channel.into(), 3).unwrap();
        assert_eq!((facts.kind, facts.can_read, facts.can_write), (kind, can_read, can_write), "{what}");
        assert_eq!((facts.id, facts.last_message_id), (ChatId::new(-1_000_000_000_077), 3));
    }
}

#[test]
fn a_closed_chat_is_not_listed() {
    let forbidden = types::ChatForbidden { id: 5, title: "Closed".into() };
    assert_eq!(super::group(&forbidden.into(), 0), None);
}

#[test]
fn a_person_is_a_direct_chat() {
    let user = types::User { id: 9, first_name: Some("Ann".into()), last_name: Some("Lee".into()), ..blank() };
    let facts = person(&user.clone().into(), 4, 1).unwrap();
    assert_eq!((facts.title.as_str(), facts.kind, facts.can_write), ("Ann Lee", ChatKind::Direct, true));
    let gone = types::User { deleted: true, ..user.clone() };
    assert!(!person(&gone.into(), 4, 1).unwrap().can_write);
    assert_eq!(person(&user.into(), 4, 9).unwrap().title, "Saved Messages");
}
