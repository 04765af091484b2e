"""Checks the Telegram sandbox with Telethon, a client library that we did not write.

    telethon_check.py http://127.0.0.1:4431 127.0.0.1:4430

The first argument is the control API, the second the MTProto address. People and chats are made new at every run. Each
passed check prints a line; the first failed one ends the run with a message and exit code 1.
"""

import asyncio
import base64
import hashlib
import io
import json
import random
import struct
import sys
import traceback
import urllib.error
import urllib.request
import zlib

from telethon import TelegramClient, errors, events, functions, types, utils
from telethon.crypto import rsa
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.sessions import MemorySession

PATIENCE_SECONDS = 20


class Failed(Exception):
    """A check that did not hold."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def expect_equal(actual, expected, what):
    expect(actual == expected, f"{what}: {actual!r} instead of {expected!r}")


async def until(condition, what):
    """Waits for a condition that updates make true."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Failed(f"not within {PATIENCE_SECONDS} s: {what}") from None


async def refused(call, error, what):
    try:
        await call
    except error:
        return
    raise Failed(f"{what}: no {error.__name__}")


class Control:
    """The sandbox's control API."""

    def __init__(self, base):
        self.base = base.rstrip("/")

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            raise Failed(f"control {method} {path}: {error.code} {error.read().decode()}") from None
        return text if path.endswith(".pem") else json.loads(text)

    def person(self, name, password=None):
        phone = f"99{random.randrange(10**9):09}"
        username = f"{name.lower()}_{phone}"
        body = {"phone": phone, "first_name": name, "username": username, "password": password}
        made = self.call("POST", "/users", body)
        return {"id": made["id"], "phone": phone, "username": username}

    def chat(self, kind, title, creator, *members):
        body = {"kind": kind, "title": title, "creator": creator["id"], "members": [m["id"] for m in members]}
        return self.call("POST", "/chats", body)["dialog_id"]

    def say(self, chat, writer, text, **more):
        return self.call("POST", f"/chats/{chat}/messages", {"from": writer["id"], "text": text, **more})["id"]

    def messages(self, chat):
        return self.call("GET", f"/chats/{chat}/messages")

    def code(self, phone):
        return self.call("GET", f"/codes/{phone}")["code"]


class Run:
    def __init__(self, control, host, port):
        self.control = Control(control)
        self.host, self.port = host, port
        rsa._server_keys.clear()
        rsa.add_key(self.control.call("GET", "/rsa.pem"), old=False)

    def client(self, connection=ConnectionTcpAbridged, session=None):
        if session is None:
            session = MemorySession()
            session.set_dc(2, self.host, self.port)
        # Retries would hide what the server answers.
        return TelegramClient(session, 1, "hash", connection=connection, catch_up=True, request_retries=3,
                              flood_sleep_threshold=0)

    async def logged_in(self, person, connection=ConnectionTcpAbridged):
        client = self.client(connection)
        await client.connect()
        await client.send_code_request(person["phone"])
        await client.sign_in(person["phone"], self.control.code(person["phone"]))
        return client

    async def all(self):
        await self.transports()
        await self.logins()
        await self.bot()
        ada, ben = self.control.person("Ada"), self.control.person("Ben")
        self.ada, self.ben = ada, ben
        self.channel = self.control.chat("channel", "News", ada, ben)
        self.group = self.control.chat("supergroup", "Talk", ada, ben)
        self.small = self.control.chat("group", "Friends", ada, ben)
        self.forum = self.control.chat("forum", "Forum", ada, ben)
        self.alice, self.bob = await self.logged_in(ada), await self.logged_in(ben, ConnectionTcpFull)
        await self.dialogs()
        self.listen()
        for chat in (ben["id"], self.channel, self.group, self.small):
            await self.conversation(chat)
        await self.rights()
        await self.history()
        await self.media()
        await self.kinds()
        await self.extras()
        await self.topics()
        await self.floods()
        await self.catch_up()
        await self.alice.disconnect()
        await self.bob.disconnect()

    async def transports(self):
        for connection in (ConnectionTcpAbridged, ConnectionTcpIntermediate, ConnectionTcpFull):
            person = self.control.person("Tess")
            client = await self.logged_in(person, connection)
            me = await client.get_me()
            expect_equal((me.id, me.phone), (person["id"], person["phone"]), "who am I")
            await client.log_out()
            passed(f"key exchange, login and logout over {connection.__name__}")

    async def logins(self):
        client = self.client()
        await client.connect()
        expect(not await client.is_user_authorized(), "a fresh key is nobody")
        await refused(client.send_code_request("123"), errors.PhoneNumberInvalidError, "a malformed number")
        person = self.control.person("Sesame", password="open sesame")
        await client.send_code_request(person["phone"])
        code = self.control.code(person["phone"])
        wrong = "11111" if code != "11111" else "22222"
        await refused(client.sign_in(person["phone"], wrong), errors.PhoneCodeInvalidError, "a wrong code")
        await refused(client.sign_in(person["phone"], code), errors.SessionPasswordNeededError, "two-step verification")
        await refused(client.sign_in(password="wrong"), errors.PasswordHashInvalidError, "a wrong password")
        me = await client.sign_in(password="open sesame")
        expect_equal(me.id, person["id"], "login with a password")
        self.control.call("POST", "/faults", {"kind": "revoke", "user": person["id"]})
        await refused(client(functions.updates.GetStateRequest()), errors.AuthKeyUnregisteredError, "a revoked session")
        await client.disconnect()
        person = self.control.person("Late")
        client = self.client()
        await client.connect()
        await client.send_code_request(person["phone"])
        self.control.call("POST", "/faults", {"kind": "expire_code", "phone": person["phone"]})
        late = client.sign_in(person["phone"], self.control.code(person["phone"]))
        await refused(late, errors.PhoneCodeExpiredError, "an expired code")
        self.control.call("POST", "/faults", {"kind": "ban", "phone": person["phone"]})
        banned = client.send_code_request(person["phone"])
        await refused(banned, errors.PhoneNumberBannedError, "a banned number")
        await client.disconnect()
        passed("wrong, expired and right codes; wrong and right passwords; banned numbers; revoked sessions")
        await self.sign_up()

    async def sign_up(self):
        client = self.client()
        await client.connect()
        phone = f"98{random.randrange(10**9):09}"
        sent = await client.send_code_request(phone)
        request = functions.auth.SignInRequest(phone, sent.phone_code_hash, self.control.code(phone))
        answer = await client(request)
        expect(isinstance(answer, types.auth.AuthorizationSignUpRequired), "a new number has to sign up")
        answer = await client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, "Grace", "Hopper"))
        expect_equal(answer.user.last_name, "Hopper", "the new account's name")
        await client.disconnect()
        passed("sign-up")

    async def bot(self):
        made = self.control.call("POST", "/bots", {"username": f"helper_{random.randrange(10**9)}_bot"})
        client = self.client(ConnectionTcpIntermediate)
        await client.connect()
        await refused(client.sign_in(bot_token="1:nonsense"), errors.AccessTokenInvalidError, "a wrong token")
        me = await client.sign_in(bot_token=made["token"])
        expect(me.bot and me.id == made["id"], "the bot is who its token says")
        await client.disconnect()
        passed("bot login")

    async def dialogs(self):
        self.control.say(self.ben["id"], self.ada, "hello Ben")
        expected = {self.ben["id"], self.channel, self.group, self.small, self.forum}
        found = await self.alice.get_dialogs()
        expect_equal({dialog.id for dialog in found}, expected, "the dialogs")
        by_id = {dialog.id: dialog for dialog in found}
        expect(by_id[self.channel].is_channel and not by_id[self.channel].is_group, "a broadcast channel")
        expect(by_id[self.group].is_group and by_id[self.group].is_channel, "a supergroup")
        expect(by_id[self.small].is_group and not by_id[self.small].is_channel, "a basic group")
        expect(by_id[self.forum].entity.forum, "a forum")
        expect_equal(by_id[self.ben["id"]].message.message, "hello Ben", "the newest message of a dialog")
        await self.bob.get_dialogs()
        entity = await self.bob.get_entity(self.ada["username"])
        expect_equal(entity.id, self.ada["id"], "who has a username")
        members = await self.alice.get_participants(self.group)
        expect_equal({member.id for member in members}, {self.ada["id"], self.ben["id"]}, "the members of a supergroup")
        passed("dialogs, usernames, members")

    def listen(self):
        self.seen, self.edited, self.deleted = [], [], []
        self.bob.add_event_handler(lambda e: self.collect(self.seen, e), events.NewMessage(incoming=True))
        self.bob.add_event_handler(lambda e: self.collect(self.edited, e), events.MessageEdited())
        self.bob.add_event_handler(lambda e: self.collect(self.deleted, e), events.MessageDeleted())

    async def collect(self, where, event):
        where.append(event)

    async def arrived(self, text, where=None):
        """Bob's event for a message with this text."""
        where = self.seen if where is None else where
        match = lambda: [event for event in where if event.message.message == text]
        await until(match, f"an event for {text!r}")
        expect_equal(len(match()), 1, f"events for {text!r}")
        return match()[0].message

    async def conversation(self, chat):
        """Send, format, reply, edit, forward and delete in one chat, seen from the other side."""
        kind = {self.ben["id"]: "private chat", self.channel: "channel", self.group: "supergroup",
                self.small: "basic group"}[chat]
        tag = f"{kind} {random.randrange(10**6)}"
        sent = await self.alice.send_message(chat, f"**bold** __{tag}__ [link](https://example.org)", silent=True)
        message = await self.arrived(f"bold {tag} link")
        kinds = [type(entity) for entity in message.entities]
        expect_equal(kinds, [types.MessageEntityBold, types.MessageEntityItalic, types.MessageEntityTextUrl], "spans")
        expect(message.silent and not message.out, "a silent message from somebody else")
        if chat == self.channel:
            expect(message.post and message.from_id is None, "a post has no author")
        else:
            expect_equal(message.sender_id, self.ada["id"], "the author")
        await self.alice.send_message(chat, f"reply {tag}", reply_to=sent.id)
        reply = await self.arrived(f"reply {tag}")
        expect_equal(reply.reply_to_msg_id, message.id, "what the reply answers, in Bob's numbers")
        await self.alice.edit_message(chat, sent.id, f"changed {tag}")
        await self.arrived(f"changed {tag}", self.edited)
        same = self.alice.edit_message(chat, sent.id, f"changed {tag}")
        await refused(same, errors.MessageNotModifiedError, "an edit that changes nothing")
        forwarded = await self.alice.forward_messages("me", sent.id, chat)
        origin = utils.get_peer_id(forwarded.fwd_from.from_id)
        expect_equal(origin, chat if chat == self.channel else self.ada["id"], "where a forward comes from")
        gone = message.id
        await self.alice.delete_messages(chat, [sent.id], revoke=True)
        await until(lambda: any(gone in event.deleted_ids for event in self.deleted), "the deletion")
        texts = [m["text"] for m in self.control.messages(chat)]
        expect(f"reply {tag}" in texts and f"changed {tag}" not in texts, "what the server holds")
        passed(f"send, format, reply, edit, forward and delete in a {kind}")

    async def rights(self):
        posting = self.bob.send_message(self.channel, "me too")
        await refused(posting, errors.ChatAdminRequiredError, "a member's post in a channel")
        await refused(self.alice.send_message(self.channel, "x" * 5000), errors.MessageTooLongError, "a long text")
        empty = functions.messages.SendMessageRequest(self.channel, "  ")
        await refused(self.alice(empty), errors.MessageEmptyError, "an empty text")
        private = self.control.chat("channel", "Private", self.ada, self.ben)
        await self.bob.get_dialogs()
        body = {"user_id": self.ben["id"], "role": "kicked"}
        self.control.call("POST", f"/chats/{private}/members", body)
        await refused(self.bob.get_messages(private), errors.ChannelPrivateError, "a channel one was kicked from")
        passed("who may write and read")

    async def history(self):
        channel = self.control.chat("channel", "Long", self.ada)
        written = [self.control.say(channel, self.ada, f"post {n}") for n in range(150)]
        await self.alice.get_dialogs()
        newest_first = [m.id async for m in self.alice.iter_messages(channel)]
        expect_equal(newest_first, written[::-1] + [1], "the history")
        after = [m.id async for m in self.alice.iter_messages(channel, reverse=True, min_id=written[20])]
        expect_equal(after, written[21:], "the history after a message, oldest first")
        few = await self.alice.get_messages(channel, limit=3, max_id=written[10])
        expect_equal([m.id for m in few], written[9:6:-1], "a few messages before one")
        some = await self.alice.get_messages(channel, ids=[written[5], 9999])
        expect(some[0].message == "post 5" and some[1] is None, "messages by id")
        found = await self.alice.get_messages(channel, search="post 14", limit=100)
        expect_equal(len(found), 11, "found messages")
        expect_equal((await self.alice.get_messages(channel, limit=0)).total, 151, "how many there are")
        passed("history: pages, both directions, bounds, ids, search")

    async def media(self):
        data = random.randbytes(1_500_000)
        sent = await self.alice.send_file(self.channel, named(data, "data.bin"), caption="a file", force_document=True)
        message = await self.arrived("a file")
        expect(message.document and message.file.name == "data.bin", "a document with its name")
        expect(await self.bob.download_media(message, bytes) == data, "the bytes of a document")
        held = [m for m in self.control.messages(self.channel) if m["id"] == sent.id][0]["media"]
        expect_equal(held["sha256"], hashlib.sha256(data).hexdigest(), "what the server holds")
        await self.alice.send_file(self.ben["id"], named(png(320, 200), "sky.png"), caption="a photo")
        message = await self.arrived("a photo")
        expect(message.photo and await self.bob.download_media(message, bytes) == png(320, 200), "the bytes of a photo")
        files = [named(png(100 + n, 100), f"{n}.png") for n in range(3)]
        album = await self.alice.send_file(self.group, files, caption=["album one", "album two", "album three"])
        expect_equal(len({m.grouped_id for m in album}), 1, "the groups of an album")
        await self.arrived("album three")
        text = base64.b64encode(b"notes").decode()
        document = {"name": "notes.txt", "mime": "text/plain", "base64": text}
        self.control.say(self.channel, self.ada, "from control", document=document)
        message = await self.arrived("from control")
        expect_equal(await self.bob.download_media(message, bytes), b"notes", "the bytes of a file of the control API")
        passed("documents, photos, albums: up and down")

    async def kinds(self):
        """Files that are shown in their own way, from the control API and back up by Telethon."""
        data = base64.b64encode(b"RIFF....WEBP").decode()
        looks = {"name": "x.bin", "base64": data, "width": 512, "height": 300, "duration_s": 7}
        for field, mime, is_kind in (
            ("sticker", "image/webp", lambda m: m.sticker and m.file.emoji == "\U0001F642"),
            ("video", "video/mp4", lambda m: m.video and not m.video_note and m.file.duration == 7),
            ("round", "video/mp4", lambda m: m.video_note),
            ("voice", "audio/ogg", lambda m: m.voice and m.file.duration == 7),
            ("audio", "audio/mpeg", lambda m: m.audio and not m.voice),
            ("animation", "video/mp4", lambda m: m.gif),
        ):
            body = {"from": self.ada["id"], field: {**looks, "mime": mime, "emoji": "\U0001F642", "spoiler": True}}
            made = self.control.call("POST", f"/chats/{self.channel}/messages", body)["id"]
            message = await self.bob.get_messages(self.channel, ids=made)
            expect(is_kind(message), f"a message with a {field}")
            expect(message.media.spoiler, "a spoiler")
            copied = await self.alice.send_file(self.ben["id"], await self.alice.get_messages(self.channel, ids=made))
            expect(is_kind(copied), f"a {field} sent again by its id")
        attributes = [types.DocumentAttributeSticker("\U0001F600", types.InputStickerSetEmpty())]
        sent = await self.alice.send_file(self.channel, named(b"RIFF", "s.webp"), attributes=attributes)
        expect(sent.sticker and sent.file.emoji == "\U0001F600", "a sticker that was uploaded")
        passed("stickers, videos, round videos, voice, music, animations")

    async def extras(self):
        poll = types.Poll(random.randrange(2**62), types.TextWithEntities("Tea?", []), [
            types.PollAnswer(types.TextWithEntities(text, []), bytes([n])) for n, text in enumerate(("yes", "no"))
        ], hash=0)
        sent = await self.alice.send_message(self.group, file=types.InputMediaPoll(poll))
        expect_equal([a.text.text for a in sent.poll.poll.answers], ["yes", "no"], "the answers of a poll")
        point = types.InputGeoPoint(52.5, 13.4)
        sent = await self.alice.send_file(self.group, types.InputMediaVenue(point, "Bar", "Street 1", "", "", ""))
        expect_equal((sent.venue.title, sent.geo.lat), ("Bar", 52.5), "a venue")
        sent = await self.alice.send_file(self.group, types.InputMediaContact("+100", "Cy", "Doe", ""))
        expect_equal(sent.contact.first_name, "Cy", "a contact")
        sent = await self.alice.send_file(self.group, types.InputMediaDice("\U0001F3B2"))
        expect(1 <= sent.dice.value <= 6, "a throw of dice")
        page = {"web_page": {"url": "https://example.org/", "title": "Example"}}
        made = self.control.say(self.group, self.ada, "https://example.org/", extra=page)
        message = await self.bob.get_messages(self.group, ids=made)
        expect_equal(message.web_preview.title, "Example", "the preview of a link")
        batch = {"messages": [{"from": self.ada["id"], "text": f"of a batch {n}"} for n in range(120)]}
        ids = self.control.call("POST", f"/chats/{self.group}/messages/batch", batch)["ids"]
        expect_equal(len(set(ids)), 120, "the ids of a batch")
        await self.arrived("of a batch 119")
        texts = [e.message.message for e in self.seen if e.message.message.startswith("of a batch")]
        expect_equal(texts, [f"of a batch {n}" for n in range(120)], "the order of a batch")
        quote = types.InputReplyToMessage(ids[0], quote_text="batch", quote_offset=5)
        peer = await self.alice.get_input_entity(self.group)
        await self.alice(functions.messages.SendMessageRequest(peer, "quoting", reply_to=quote))
        expect_equal((await self.arrived("quoting")).reply_to.quote_text, "batch", "a quoted piece")
        self.control.call("PUT", "/limits", {"messages_per_s_account": 1, "flood_wait_s": 9})
        await self.alice.send_message(self.group, "within the limit")
        try:
            await self.alice(functions.messages.SendMessageRequest(peer, "beyond the limit"))
            raise Failed("no flood wait beyond the limit")
        except errors.FloodWaitError as error:
            expect_equal(error.seconds, 9, "the wait beyond the limit")
        refused_requests = self.control.call("GET", "/limits")["refused"]
        expect_equal(refused_requests, {str(self.ada["id"]): 1}, "who was refused")
        self.control.call("PUT", "/limits", {})
        self.alice._flood_waited_requests.clear()
        passed("polls, places, contacts, dice, link previews, batches, quotes, limits")

    async def topics(self):
        made = self.control.call("POST", f"/chats/{self.forum}/topics", {"title": "Weather"})["id"]
        self.control.say(self.forum, self.ada, "rain", topic=made)
        message = await self.arrived("rain")
        expect(message.reply_to.forum_topic and message.reply_to.reply_to_msg_id == made, "the topic of a message")
        await self.alice.send_message(self.forum, "more rain", reply_to=message.id)
        message = await self.arrived("more rain")
        expect_equal(message.reply_to.reply_to_top_id, made, "the topic of a reply")
        rain = [m.message async for m in self.bob.iter_messages(self.forum, reply_to=made) if m.message]
        expect_equal(rain, ["more rain", "rain"], "the messages of a topic")
        answer = await self.alice(functions.messages.GetForumTopicsRequest(self.forum, None, 0, 0, 100))
        expect_equal([topic.title for topic in answer.topics], ["Weather", "General"], "the topics")
        passed("topics")

    async def floods(self):
        channel = await self.alice.get_input_entity(self.channel)
        request = functions.messages.SendMessageRequest(channel, "once only", random_id=random.randrange(1, 2**62))
        first, second = await self.alice(request), await self.alice(request)
        expect_equal(first.updates[0].id, second.updates[0].id, "the id of a repeated send")
        await self.arrived("once only")
        # Last, because the library itself refuses to send while it knows of a flood wait.
        fault = {"kind": "flood_wait", "method": "messages.sendMessage", "user": self.ada["id"], "seconds": 17}
        self.control.call("POST", "/faults", fault)
        try:
            await self.alice.send_message(self.channel, "too fast")
            raise Failed("no flood wait")
        except errors.FloodWaitError as error:
            expect_equal(error.seconds, 17, "how long to wait")
        passed("flood waits; a repeated send is one message")

    async def catch_up(self):
        session = self.bob.session
        await self.bob.disconnect()
        for n in range(5):
            self.control.say(self.ben["id"], self.ada, f"missed private {n}")
            self.control.say(self.channel, self.ada, f"missed post {n}")
        self.bob = self.client(session=session)
        self.listen()
        await self.bob.connect()
        # Telethon asks for the difference of the account by itself; channels come with the next thing that happens.
        self.control.say(self.channel, self.ada, "missed post 5")
        for kind, count in (("private", 5), ("post", 6)):
            for n in range(count):
                await self.arrived(f"missed {kind} {n}")
            texts = [e.message.message for e in self.seen if e.message.message.startswith(f"missed {kind}")]
            expect_equal(texts, [f"missed {kind} {n}" for n in range(count)], f"the order of missed {kind}s")
        self.control.call("POST", "/faults", {"kind": "drop_connections", "user": self.ben["id"]})
        self.control.say(self.ben["id"], self.ada, "while cut off")
        # Telethon reconnects for the next request, and notices what it missed with the next message.
        await self.bob.get_me()
        self.control.say(self.ben["id"], self.ada, "back again")
        await self.arrived("while cut off")
        await self.arrived("back again")
        passed("catch-up after time offline and after a dropped connection")


def named(data, name):
    file = io.BytesIO(data)
    file.name = name
    return file


def png(width, height):
    """A grey picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def passed(what):
    print(f"ok: {what}", flush=True)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: telethon_check.py CONTROL_URL MTPROTO_HOST:PORT")
    host, port = sys.argv[2].rsplit(":", 1)
    try:
        asyncio.run(Run(sys.argv[1], host, int(port)).all())
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")
    except Exception:  # noqa: BLE001 - whatever it is, the check did not pass
        traceback.print_exc()
        sys.exit("FAILED: an unexpected error")
    print("telethon: all checks passed", flush=True)


if __name__ == "__main__":
    main()
