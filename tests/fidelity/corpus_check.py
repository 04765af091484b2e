"""Reads the corpus with a reader that shares nothing with the renderer: another language, regular expressions.

    corpus_check.py domain/corpus

For every case whose destination is Discord, the expected markdown is read by the rules of Discord's clients, and what it
shows must be the text and the styles of the source. For every case whose destination is Telegram, the expected entities
must be such as Telegram keeps, and where the source is Discord's markdown, they must be what this reader makes of it.
Texts that go to the other platform are checked once more as what another chat of their own platform shows.
Prints one line; the first case that fails ends the run with a message and exit code 1.
"""

import datetime
import json
import pathlib
import re
import sys

# What is not drawn: the renderer puts a zero-width space between two markers that would run together.
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\\s]")
# The rules of Discord's clients, tried in this order at every place; blocks at the start of a line only.
QUOTE = re.compile(r" *>>> ([\s\S]*)|( *> [^\n]*(?:\n *> [^\n]*)*)")
HEADING = re.compile(r"(#{1,3}) +([^\n]*\S[^\n]*)|-# +([^\n]*\S[^\n]*)")
FENCE = re.compile(r"```(?:([a-zA-Z0-9_+\-.#]+)\n)?\n*([^\n][\s\S]*?)\n*```")
CODE = re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")
SHRUG = "¯\\_(ツ)_/¯"
ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
ANGLE_LINK = re.compile(r"<(https?://[^ >]+)>")
LINK = re.compile(r"\[((?:\[[^\]]*\]|[^\[\]]|\](?=[^\[]*\]))*)\]\(\s*<?((?:\([^()]*\)|[^\s\\()]|\\.)*?)>?(?:\s+['\"]([\s\S]*?)['\"])?\s*\)")
URL = re.compile(r"https?://[^\s<]+[^<.,:;\"'\])\s]")
EM = re.compile(r"_((?:__|\\[\s\S]|[^\\_])+?)_(?![0-9A-Za-z_])|\*(?=\S)((?:\*\*|\s+(?:[^*\s]|\*\*)|\\[\s\S]|[^\s*\\])+?)\*(?!\*)")
STRONG = re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)")
UNDERLINE = re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)")
STRIKE = re.compile(r"~~([\s\S]+?)~~(?!_)")
SPOILER = re.compile(r"\|\|([\s\S]+?)\|\|")
USER, ROLE, CHANNEL = (re.compile(rule) for rule in (r"<@!?(\d+)>", r"<@&(\d+)>", r"<#(\d+)>"))
EMOJI = re.compile(r"<a?:(\w+):\d+>")
TIME = re.compile(r"<t:(-?\d+)(?::([tTdDfFR]))?>")
COMMAND = re.compile(r"</([^:>]+):\d+>")


class Reader:
    """Collects characters, each with the set of its styles."""

    def __init__(self, names):
        self.names, self.shown, self.pings = names, [], False

    def put(self, text, styles):
        self.shown.extend((character, styles) for character in text)

    def read(self, source, styles=frozenset(), blocks=True, quoted=False):
        at, line_start = 0, True
        while at < len(source):
            rest = source[at:]
            used = blocks and line_start and self.block(rest, styles, quoted) or self.inline(rest, styles, blocks, quoted)
            if used:
                at += used
                line_start = False
                continue
            if re.match("@(everyone|here)", rest):
                self.pings = True
            self.put(rest[0], styles)
            line_start = rest[0] == "\n"
            at += 1

    def block(self, rest, styles, quoted):
        found = None if quoted else QUOTE.match(rest)
        if found:
            inner = found[1] if found[1] is not None else re.sub(r"(?m)^ *> ", "", found[2])
            self.read(inner, styles | {"quote"}, True, True)
            return found.end()
        found = HEADING.match(rest)
        if found:
            self.read(found[2] or found[3], styles | ({"bold"} if found[2] else set()), False, quoted)
            return found.end()
        return 0

    def inline(self, rest, styles, blocks, quoted):
        if found := FENCE.match(rest):
            self.put(found[2], styles | {"pre " + (found[1] or "")})
        elif rest.startswith(SHRUG):
            self.put(SHRUG, styles)
            return len(SHRUG)
        elif found := CODE.match(rest):
            self.put(found[2].strip() if "`" in found[2] else found[2], styles | {"code"})
        elif found := ESCAPE.match(rest):
            self.put(found[1], styles)
        elif (found := USER.match(rest)) or (found := ROLE.match(rest)) or (found := CHANNEL.match(rest)):
            self.mention(found, styles)
        elif (found := EMOJI.match(rest)):
            self.put(f":{found[1]}:", styles)
        elif found := TIME.match(rest):
            self.put(time(int(found[1]), found[2] or "f"), styles)
        elif found := COMMAND.match(rest):
            self.put("/" + found[1], styles)
        elif (found := ANGLE_LINK.match(rest)) or (found := URL.match(rest)):
            return self.address(found, styles)
        elif (found := LINK.match(rest)) and masks(found):
            self.read(found[1], styles | {"link " + found[2]}, False, quoted)
        else:
            return self.emphasis(rest, styles, blocks, quoted)
        return found.end()

    def emphasis(self, rest, styles, blocks, quoted):
        """The longest of the readings; of equal ones the first."""
        rules = [(EM, "italic"), (STRONG, "bold"), (UNDERLINE, "underline"), (STRIKE, "strikethrough"), (SPOILER, "spoiler")]
        matches = [(found, style) for rule, style in rules if (found := rule.match(rest))]
        matches = [one for one in matches if set(content(one[0])) != {rest[0]}]
        if not matches:
            return 0
        found, style = max(matches, key=lambda one: one[0].end())
        self.read(content(found), styles | {style}, False, quoted)
        return found.end()

    def address(self, found, styles):
        url = found[1] if found.re is ANGLE_LINK else found[0]
        used = found.end()
        if found.re is URL and url.endswith(")") and url.count(")") > url.count("("):
            url, used = url[:-1], used - 1
        self.put(url, styles)
        return used

    def mention(self, found, styles):
        kind, unknown, sign = {USER: ("users", "unknown-user", "@"), ROLE: ("roles", "deleted-role", "@"), CHANNEL: ("channels", "unknown", "#")}[found.re]
        self.pings |= sign == "@"
        self.put(sign + self.names.get(kind, {}).get(found[1], unknown), styles)


def content(found):
    return next(group for group in found.groups() if group is not None)


def masks(found):
    label, url = found[1], found[2]
    return re.match("https?://", url) and label.strip() and not re.search(r"://|www\.|discord\.gg/", label, re.I)


def time(seconds, style):
    then = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    long = f"{then.day} {then:%B %Y %H:%M} UTC"
    return {"t": f"{then:%H:%M} UTC", "T": f"{then:%H:%M:%S} UTC", "d": f"{then:%Y-%m-%d}", "D": f"{then.day} {then:%B %Y}",
            "F": f"{then:%A}, {long}"}.get(style, long)


def whole(text):
    if isinstance(text, str):
        return text
    return "".join(piece if isinstance(piece, str) else piece["repeat"] * piece["times"] for piece in text)


def styled(rich):
    """The characters of a text with spans, each with its styles; spans count UTF-16 units."""
    text, at, shown = whole(rich["text"]), 0, []
    for character in text:
        units = len(character.encode("utf-16-le")) // 2
        names = {name(span) for span in rich.get("spans", []) if span[1] <= at < span[1] + span[2]}
        shown.append((character, frozenset(names)))
        at += units
    return shown


def name(span):
    return f"{span[0]} {span[3]}" if span[0] in ("link", "pre") else span[0]


def comparable(shown, to):
    """What both sides can say: only drawn characters; styles that `to` knows; code stands alone as on Telegram."""
    kept = []
    for character, styles in shown:
        if INVISIBLE.match(character):
            continue
        styles = {re.sub(r"%(28|29|22|2A)", lambda code: chr(int(code[1], 16)), style) for style in styles}
        if to == "discord" and "expandable_quote" in styles:
            styles = (styles - {"expandable_quote"}) | {"quote"}
        styles -= {"mention"} | ({"custom_emoji"} if to == "discord" else set())
        if any(style == "code" or style.startswith("pre") for style in styles) and not any(style.startswith("link") for style in styles):
            styles &= {style for style in styles if style in ("code", "quote", "expandable_quote", "spoiler") or style.startswith("pre")}
        elif "code" in styles:
            styles -= {"code"}
        if to == "telegram":
            styles -= {"code"} if "spoiler" in styles else set()
        kept.append((character, frozenset(styles)))
    return kept


def expect(holds, case, what):
    if not holds:
        print(f"{case['from']} to {case['to']}: {case['name']}: {what}", file=sys.stderr)
        sys.exit(1)


def source_of(case):
    if "content" in case:
        reader = Reader(case.get("names", {}))
        reader.read(whole(case["content"]))
        return reader.shown
    return styled(case) if "text" in case else []


def check_discord(case):
    """What the markdown shows is what the source said; `gives_up` names what Discord cannot say, where all that is checked is that no letter is lost."""
    reader = Reader({})
    for part in case["expect"]:
        markdown = whole(part["markdown"])
        expect(len(markdown.encode("utf-16-le")) // 2 <= 2000, case, "a part is too long")
        if not part.get("notice"):
            reader.read(markdown)
            reader.put("\n", frozenset())
    expect(not reader.pings, case, "somebody is pinged")
    if case.get("extras") or case.get("quote") or case.get("mode") == "forward":
        return
    found, wanted = comparable(reader.shown, "discord"), comparable(source_of(case), "discord")
    if case.get("gives_up"):
        expect(is_within([c for c, _ in wanted], [c for c, _ in found]), case, "text is lost")
        return
    same(case, found, wanted)


def own_platform(case):
    """The same text for another chat of its platform, where `same` says what is expected, or else the source itself. What cannot be said on the other platform can be said there, unless `same` differs."""
    source = {"markdown": case["content"]} if "content" in case else {"text": case["text"], "spans": case.get("spans", [])}
    own = {**case, "to": case["from"], "expect": case.get("same", [source])}
    if "same" not in case:
        own.pop("gives_up", None)
    return own


def check(case):
    (check_discord if case["to"] == "discord" else check_telegram)(case)


def check_telegram(case):
    shown = []
    for part in case["expect"]:
        if part.get("forward"):
            return
        text = whole(part["text"])
        expect(text == text.strip(), case, "white space at an edge")
        expect(len(text.encode("utf-16-le")) // 2 <= 4096, case, "a part is too long")
        check_entities(case, text, part.get("spans", []))
        if not part.get("notice"):
            shown += styled(part)
    if case.get("extras") or case.get("quote") or case.get("mode") == "forward" or case.get("gives_up"):
        return
    same(case, comparable(shown, "telegram"), comparable(source_of(case), "telegram"))


def check_entities(case, text, spans):
    units = text.encode("utf-16-le")
    expect(len(spans) <= 100, case, "too many entities")
    for span in spans:
        start, end = span[1], span[1] + span[2]
        expect(0 <= start < end <= len(units) // 2, case, f"{span} reaches out of the text")
        for edge in (start, end):
            low = int.from_bytes(units[2 * edge : 2 * edge + 2], "little") if 2 * edge < len(units) else 0
            expect(not 0xDC00 <= low <= 0xDFFF, case, f"{span} cuts a character")
        for other in spans:
            apart = other[1] + other[2] <= start or end <= other[1]
            nested = (start <= other[1] and other[1] + other[2] <= end) or (other[1] <= start and end <= other[1] + other[2])
            expect(apart or nested, case, f"{span} overlaps {other}")


def same(case, found, wanted):
    expect("".join(c for c, _ in found) == "".join(c for c, _ in wanted), case, "another text is shown")
    for at, ((character, styles), (_, should)) in enumerate(zip(found, wanted)):
        expect(styles == should, case, f"{character!r} ({at}) is {sorted(styles)} instead of {sorted(should)}")


def is_within(needle, hay):
    rest = iter(hay)
    return all(character in rest for character in needle)


def main():
    checked = 0
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            check(case)
            if file.stem.endswith("_text") and case["from"] != case["to"]:
                check(own_platform(case))
            checked += 1
    print(f"corpus: {checked} cases read")


main()
