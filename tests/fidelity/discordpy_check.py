"""Checks the Discord sandbox with discord.py, a client library that we did not write.

    discordpy_check.py http://127.0.0.1:4443 http://127.0.0.1:4442

The first argument is the control API, the second the plain HTTP listener, which also carries the gateway. Bots, people
and guilds are made new at every run. Each passed check prints a line; the first failed one ends the run with a message
and exit code 1.
"""

import asyncio
import datetime
import io
import json
import logging
import sys
import time
import traceback
import urllib.request

import discord
import discord.gateway
import discord.http
import yarl

PATIENCE_SECONDS = 30


class Failed(Exception):
    """A check that did not hold."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def expect_equal(actual, expected, what):
    expect(actual == expected, f"{what}: {actual!r} instead of {expected!r}")


async def until(condition, what):
    """Waits for a condition that events make true."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Failed(f"not within {PATIENCE_SECONDS} s: {what}") from None


async def refused(call, error, code, what):
    try:
        await call
    except error as refusal:
        return expect_equal(refusal.code, code, what)
    raise Failed(f"{what}: no {error.__name__}")


class Control:
    """The sandbox's control API."""

    def __init__(self, base):
        self.base = base

    def _call(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

    async def __call__(self, method, path, body=None):
        return await asyncio.to_thread(self._call, method, path, body)


class Listener(discord.Client):
    """A client that writes down what it hears."""

    def __init__(self, plain, intents):
        super().__init__(intents=intents)
        self.heard, self.edited, self.deleted, self.resumes, self.readies = [], [], [], 0, 0
        self.bulk = set()
        self.plain = plain

    async def setup_hook(self):
        # Attachments have addresses at Discord's own host; here the same path is on the plain listener.
        fetch = self.http.get_from_cdn
        hosts = ("https://cdn.discordapp.com", "https://media.discordapp.net")

        async def fetch_here(url):
            for host in hosts:
                url = url.replace(host, self.plain)
            return await fetch(url)

        self.http.get_from_cdn = fetch_here

    async def on_ready(self):
        self.readies += 1

    async def on_resumed(self):
        self.resumes += 1

    async def on_message(self, message):
        self.heard.append(message)

    async def on_raw_message_edit(self, payload):
        self.edited.append(payload)

    async def on_raw_message_delete(self, payload):
        self.deleted.append(payload.message_id)

    async def on_raw_bulk_message_delete(self, payload):
        self.bulk |= payload.message_ids

    def texts(self):
        return [message.content for message in self.heard]


class Check:
    """One run against one sandbox."""

    def __init__(self, control, plain):
        self.control, self.plain = Control(control), plain
        self.client = self.channel = self.alice = self.guild_id = self.bot = None

    async def say(self, text):
        body = {"author": self.alice, "content": text}
        return await self.control("POST", f"/channels/{self.channel.id}/messages", body)

    async def standing(self):
        return await self.control("GET", f"/channels/{self.channel.id}/messages")

    async def run(self):
        discord.http.Route.BASE = f"{self.plain}/api/v10"
        gateway = yarl.URL(self.plain).with_scheme("ws") / "gateway"
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
        self.bot = await self.control("POST", "/bots", {"username": "relay"})
        guild = await self.control("POST", "/guilds", {"name": "Harbour", "bots": [self.bot["id"]]})
        self.guild_id = int(guild["id"])
        self.alice = (await self.control("POST", "/users", {"username": "alice"}))["id"]

        intents = discord.Intents.default()
        intents.message_content = True
        self.client = Listener(self.plain, intents)
        running = asyncio.create_task(self.client.start(self.bot["token"]))
        try:
            await until(lambda: self.client.readies or running.done(), "ready")
            if running.done():
                await running
            self.channel = self.client.get_channel(int(guild["channel_id"]))
            expect(self.channel is not None, "the guild's channel is not in the cache")
            for check in (
                self.ready,
                self.send,
                self.receive,
                self.edit_and_delete,
                self.history,
                self.attachments,
                self.replies_threads_webhooks,
                self.polls_stickers_voice,
                self.forwards,
                self.pings,
                self.posts,
                self.unfurled_links_and_bulk,
                self.refusals,
                self.rate_limits,
                self.resume,
                self.reconnect,
                self.invalid_session,
                self.logins,
            ):
                await check()
                print(f"ok  {check.__name__}", flush=True)
        finally:
            await self.client.close()
            running.cancel()

    async def ready(self):
        expect_equal(str(self.client.user.id), self.bot["id"], "own id")
        guild = self.client.get_guild(self.guild_id)
        expect_equal((guild.name, guild.unavailable), ("Harbour", False), "guild")
        may = self.channel.permissions_for(guild.me)
        expect(may.send_messages and may.attach_files and may.manage_webhooks, "a bot's role grants too little")
        expect(not may.administrator and not may.manage_guild, "a bot's role grants too much")
        application = await self.client.application_info()
        expect_equal(application.id, self.client.user.id, "application id")
        fetched = await self.client.fetch_guild(self.guild_id)
        expect_equal([role.name for role in fetched.roles], ["@everyone", "relay"], "roles")
        expect_equal([it.name for it in await guild.fetch_channels()], ["general"], "channels")

    async def send(self):
        sent = await self.channel.send("hello", nonce="op-1", silent=True)
        expect_equal((sent.content, sent.nonce, sent.flags.silent), ("hello", "op-1", True), "sent message")
        await until(lambda: sent.id in [it.id for it in self.client.heard], "the event of an own message")
        standing = await self.standing()
        expect_equal([it["content"] for it in standing], ["hello"], "what stands in the channel")

    async def receive(self):
        written = await self.say("ahoy <@%s>" % self.bot["id"])
        await until(lambda: written["id"] in [str(it.id) for it in self.client.heard], "a person's message")
        message = self.client.heard[-1]
        expect_equal((message.author.name, message.author.bot), ("alice", False), "author")
        expect(self.client.user in message.mentions, "a mention is missing")
        expect(isinstance(message.author, discord.Member), "a person in a guild is a member")

    async def edit_and_delete(self):
        sent = await self.channel.send("draft")
        edited = await sent.edit(content="final")
        expect(edited.content == "final" and edited.edited_at is not None, "an edit")
        await until(lambda: self.client.edited and self.client.edited[-1].data["content"] == "final", "edit event")
        await sent.delete()
        await until(lambda: sent.id in self.client.deleted, "delete event")
        await refused(self.channel.fetch_message(sent.id), discord.NotFound, 10008, "a deleted message")

    async def history(self):
        written = [int((await self.say(f"line {number}"))["id"]) for number in range(5)]
        newest = [it.content async for it in self.channel.history(limit=3)]
        expect_equal(newest, ["line 4", "line 3", "line 2"], "newest first")
        after = discord.Object(written[1])
        gap = [it.content async for it in self.channel.history(limit=None, after=after)]
        expect_equal(gap, ["line 2", "line 3", "line 4"], "after")
        before = discord.Object(written[2])
        earlier = [it.content async for it in self.channel.history(limit=2, before=before)]
        expect_equal(earlier, ["line 1", "line 0"], "before")

    async def attachments(self):
        content = bytes(range(256)) * 1000
        files = [
            discord.File(io.BytesIO(content), "data one.bin", description="numbers"),
            discord.File(io.BytesIO(b"text"), "note.txt"),
        ]
        sent = await self.channel.send("two files", files=files)
        expect_equal([it.filename for it in sent.attachments], ["data_one.bin", "note.txt"], "file names")
        expect_equal([it.size for it in sent.attachments], [len(content), 4], "file sizes")
        expect_equal(sent.attachments[0].description, "numbers", "description")
        expect(await sent.attachments[0].read() == content, "a file differs after a round trip")
        fewer = await sent.edit(attachments=[sent.attachments[1]])
        expect_equal([it.filename for it in fewer.attachments], ["note.txt"], "files after an edit")

    async def replies_threads_webhooks(self):
        target = await self.channel.send("question")
        reply = await target.reply("answer")
        expect_equal(reply.reference.message_id, target.id, "reference")
        expect_equal(reply.reference.resolved.content, "question", "referenced message")
        thread = await self.channel.create_thread(name="aside", type=discord.ChannelType.public_thread)
        inside = await thread.send("inside")
        expect_equal(inside.channel.id, thread.id, "a message's thread")
        guild = self.client.get_guild(self.guild_id)
        expect_equal([it.name for it in await guild.active_threads()], ["aside"], "active threads")
        webhook = await self.channel.create_webhook(name="relay")
        sent = await webhook.send("by webhook", username="Alice (Telegram)", wait=True)
        expect_equal((sent.author.name, sent.webhook_id), ("Alice (Telegram)", webhook.id), "webhook message")
        await webhook.delete()
        await refused(self.client.fetch_webhook(webhook.id), discord.NotFound, 10015, "a deleted webhook")

    async def written(self, message):
        """Writes as a person and waits until the client has heard it."""
        body = {"author": self.alice, **message}
        made = await self.control("POST", f"/channels/{self.channel.id}/messages", body)
        await until(lambda: int(made["id"]) in [it.id for it in self.client.heard], "a person's message")
        return next(it for it in self.client.heard if it.id == int(made["id"]))

    async def polls_stickers_voice(self):
        heard = await self.written({"poll": {"question": "Tea?", "answers": ["yes", "no"], "multiple": True}})
        expect_equal((heard.poll.question, heard.poll.multiple), ("Tea?", True), "poll")
        expect_equal([it.text for it in heard.poll.answers], ["yes", "no"], "answers")
        poll = discord.Poll(question="Cake?", duration=datetime.timedelta(hours=1))
        poll.add_answer(text="always")
        sent = await self.channel.send(poll=poll)
        expect_equal([it.text for it in sent.poll.answers], ["always"], "an own poll")
        heard = await self.written({"stickers": [{"name": "wave", "format": "png", "base64": "c3RpY2tlcg=="}]})
        sticker = heard.stickers[0]
        expect_equal((sticker.name, sticker.format), ("wave", discord.StickerFormatType.png), "sticker")
        expect_equal(await self.client.http.get_from_cdn(sticker.url), b"sticker", "a sticker's bytes")
        voice = {"name": "voice-message.ogg", "mime": "audio/ogg", "base64": "T2dn", "voice_s": 2.5}
        heard = await self.written({"attachments": [voice]})
        expect(heard.flags.voice and heard.attachments[0].is_voice_message(), "a voice message")
        expect_equal(heard.attachments[0].duration, 2.5, "duration")
        heard = await self.written({"attachments": [{"name": "SPOILER_a.png", "base64": "AAAA"}]})
        expect(heard.attachments[0].is_spoiler(), "a spoiler")
        embed = {"type": "rich", "title": "News", "fields": [{"name": "a", "value": "b"}]}
        heard = await self.written({"embeds": [embed]})
        expect_equal((heard.embeds[0].title, heard.embeds[0].fields[0].value), ("News", "b"), "embed")

    async def forwards(self):
        original = await self.channel.send("original")
        forwarded = await original.forward(self.channel)
        snapshot = forwarded.message_snapshots[0]
        expect_equal((forwarded.content, snapshot.content), ("", "original"), "a forward")
        target = {"channel": str(self.channel.id), "message": str(original.id)}
        heard = await self.written({"forward": target})
        expect_equal(heard.message_snapshots[0].content, "original", "a person's forward")

    async def pings(self):
        content = f"<@{self.alice}> @everyone"
        await self.channel.send(content, allowed_mentions=discord.AllowedMentions.none())
        expect_equal((await self.standing())[-1]["pings"], {"everyone": False, "users": [], "roles": []}, "pings")
        await self.channel.send(content, allowed_mentions=discord.AllowedMentions(users=True, everyone=False))
        pings = (await self.standing())[-1]["pings"]
        expect_equal((pings["everyone"], pings["users"]), (False, [self.alice]), "pings of users")

    async def posts(self):
        path = f"/guilds/{self.guild_id}/channels"
        forum_id = int((await self.control("POST", path, {"name": "ideas", "kind": "forum"}))["id"])
        await until(lambda: self.client.get_channel(forum_id), "a new forum")
        forum = self.client.get_channel(forum_id)
        post = await forum.create_thread(name="topic", content="first")
        expect_equal((post.thread.id, post.thread.parent_id), (post.message.id, forum_id), "a post's id")
        webhook = await forum.create_webhook(name="relay")
        sent = await webhook.send("by webhook", thread=discord.Object(post.thread.id), wait=True)
        expect_equal(sent.channel.id, post.thread.id, "a webhook's thread")
        edited = await webhook.edit_message(sent.id, content="edited", thread=discord.Object(post.thread.id))
        expect_equal(edited.content, "edited", "a webhook's edit")
        await webhook.delete_message(sent.id, thread=discord.Object(post.thread.id))
        opened = await webhook.send("opens", thread_name="another", wait=True)
        expect_equal(opened.id, opened.channel.id, "the id of a webhook's post")
        await refused(webhook.send("x", username="Discord", wait=True), discord.HTTPException, 50035, "a taken name")
        question = await self.channel.send("question")
        thread = await question.create_thread(name="answers")
        expect_equal(thread.id, question.id, "the id of a message's thread")

    async def unfurled_links_and_bulk(self):
        ids = []
        for number in range(3):
            ids.append((await self.written({"content": f"bulk {number}"})).id)
        path = f"/channels/{self.channel.id}/messages"
        preview = [{"type": "link", "url": "https://a.example", "title": "A"}]
        await self.control("PATCH", f"{path}/{ids[0]}", {"unfurl": True, "embeds": preview})
        await until(lambda: self.client.edited and self.client.edited[-1].message_id == ids[0], "an unfurled link")
        expect_equal(self.client.edited[-1].message.edited_at, None, "the time of an edit that nobody made")
        await self.control("POST", f"{path}/bulk-delete", {"ids": [str(it) for it in ids]})
        await until(lambda: set(ids) <= self.client.bulk, "a deletion in bulk")

    async def refusals(self):
        path = f"/channels/{self.channel.id}/permissions"
        await self.control("PUT", path, {"bot": self.bot["id"], "deny": ["SEND_MESSAGES"]})
        await refused(self.channel.send("x"), discord.Forbidden, 50013, "a closed channel")
        me = self.client.get_guild(self.guild_id).me
        await until(lambda: not self.channel.permissions_for(me).send_messages, "the change of permissions")
        await self.control("PUT", path, {"bot": self.bot["id"]})
        await refused(self.channel.send("x" * 2001), discord.HTTPException, 50035, "a long text")
        await refused(self.channel.send(""), discord.HTTPException, 50006, "an empty message")
        await refused(self.client.fetch_channel(1), discord.NotFound, 10003, "an unknown channel")

    async def rate_limits(self):
        for kind in ("rate_limit", "rate_limit_global"):
            await self.control("POST", "/faults", {"kind": kind, "retry_after": 0.7, "method": "POST"})
            began = time.monotonic()
            sent = await self.channel.send(f"after {kind}")
            waited = time.monotonic() - began
            expect(waited >= 0.7, f"{kind} was waited for {waited:.2f} s")
            ids = [it["id"] for it in await self.standing() if it["content"] == sent.content]
            expect_equal(ids, [str(sent.id)], f"messages after {kind}")
        limits = {"enabled": True, "bucket_limit": 2, "bucket_reset_s": 0.8, "global_per_s": 50}
        await self.control("PUT", "/limits", limits)
        began = time.monotonic()
        for number in range(5):
            await self.channel.send(f"limited {number}")
        waited = time.monotonic() - began
        await self.control("PUT", "/limits", {"enabled": False})
        expect(waited >= 1.5, f"five sends of two per 0.8 s took {waited:.2f} s")

    async def resume(self):
        resumes, readies = self.client.resumes, self.client.readies
        await self.control("POST", "/faults", {"kind": "drop_gateway"})
        await self.say("while away")
        await until(lambda: self.client.resumes > resumes, "a resume")
        await until(lambda: "while away" in self.client.texts(), "what was missed")
        await self.say("back again")
        await until(lambda: "back again" in self.client.texts(), "a message after the resume")
        expect_equal(self.client.texts().count("while away"), 1, "copies of what was missed")
        expect_equal(self.client.readies, readies, "new sessions")

    async def reconnect(self):
        resumes = self.client.resumes
        await self.control("POST", "/faults", {"kind": "reconnect"})
        await until(lambda: self.client.resumes > resumes, "a resume after a request to reconnect")

    async def invalid_session(self):
        readies = self.client.readies
        await self.control("POST", "/faults", {"kind": "invalid_session"})
        await until(lambda: self.client.readies > readies, "a new session")
        await self.say("new session")
        await until(lambda: "new session" in self.client.texts(), "a message in the new session")

    async def logins(self):
        stranger = Listener(self.plain, discord.Intents.default())
        try:
            await stranger.start(self.bot["token"] + "x")
            raise Failed("a bad token logs in")
        except discord.LoginFailure:
            pass
        finally:
            await stranger.close()
        blind = await self.control("POST", "/bots", {"username": "blind", "message_content": False})
        intents = discord.Intents.default()
        intents.message_content = True
        client = Listener(self.plain, intents)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await client.start(blind["token"])
            raise Failed("an intent that is not granted is accepted")
        except discord.PrivilegedIntentsRequired:
            pass
        finally:
            await client.close()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    # Refused connections and waits are part of the checks; discord.py writes about each.
    logging.getLogger("discord").setLevel(logging.CRITICAL)
    try:
        asyncio.run(Check(sys.argv[1], sys.argv[2]).run())
    except Failed as failed:
        sys.exit(f"FAILED  {failed}")
    except Exception:
        traceback.print_exc()
        sys.exit("FAILED  with an unexpected error")


if __name__ == "__main__":
    main()
