"""Connects a department's own database to Heji, with nothing but Python.

    python3 volunteers.py nats://volunteers:TOKEN@127.0.0.1:4222 people.db

The database (SQLite here) has a table person(id, xm, sjhm, sfzh, changed, gone):
changed grows with every change, gone marks deleted rows; and done(intent, outcome),
where this program remembers what it has written. See docs/remote-protocol.md.
"""
import json, random, socket, sqlite3, sys, threading, time, urllib.parse

PLATFORM, COLUMNS = "volunteers", ["id", "xm", "sjhm", "sfzh"]
PREFIX = "heji.remote.v1." + PLATFORM + "."
INSTANCE, BEAT = "%08x" % random.getrandbits(32), 1.0


class Nats:
    """As much of the NATS protocol as this takes."""

    def __init__(self, url):
        u = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((u.hostname, u.port or 4222))
        self.file, self.lock = self.socket.makefile("rb"), threading.Lock()
        self.limit = json.loads(self.file.readline()[5:])["max_payload"] - 8192
        self.send("CONNECT " + json.dumps({"user": u.username, "pass": u.password, "name": PLATFORM, "lang": "python",
                                           "version": "1", "verbose": False, "pedantic": False, "headers": True, "no_responders": True}))

    def send(self, line, body=None):
        with self.lock:
            self.socket.sendall(line.encode() + b"\r\n" + (b"" if body is None else body + b"\r\n"))

    def publish(self, subject, message):
        """Sends a message, in parts where it is too long for one."""
        body = json.dumps(message, ensure_ascii=False).encode()
        while len(body) > self.limit:
            part, body, head = body[:self.limit], body[self.limit:], b"NATS/1.0\r\nHeji-More: 1\r\n\r\n"
            self.send("HPUB %s %d %d" % (subject, len(head), len(head) + len(part)), head + part)
        self.send("PUB %s %d" % (subject, len(body)), body)

    def messages(self):
        while line := self.file.readline():
            words = line.decode().split()
            if words[0] == "PING":
                self.send("PONG")
            elif words[0] == "-ERR":
                raise SystemExit("NATS: " + line.decode().strip())
            elif words[0] in ("MSG", "HMSG"):
                head = int(words[-2]) if words[0] == "HMSG" else 0
                body = self.file.read(int(words[-1]) + 2)[head:]
                yield words[1], words[3], json.loads(body)


def row(r):
    if r["gone"]:
        return {"key": r["id"], "op": "delete"}
    return {"key": r["id"], "columns": {c: r[c] or "" for c in COLUMNS}}


def hello(db, q):
    if missing := [c for c in q["columns"] if c not in COLUMNS]:
        return failure("layout", "the database has no column " + ", ".join(missing))
    return {"protocol": 1, "program": "volunteers.py 1.0", "instance": INSTANCE, "can": ["check", "pull", "preview", "push", "look"],
            "beat": BEAT, "window": 2}


def check(db, q):
    db.execute("SELECT count(*) FROM person, done")
    return {}


def pull(db, q):
    """One page after the place that the page before named, or the cursor of an earlier read."""
    at = q.get("next") or q["cursor"] or [0, ""]
    found = db.execute("SELECT * FROM person WHERE (changed, id) > (?, ?) ORDER BY changed, id LIMIT ?", (*at, q["rows"] + 1)).fetchall()
    more, found = len(found) > q["rows"], found[:q["rows"]]
    at = [found[-1]["changed"], found[-1]["id"]] if found else at
    page = {"rows": [row(r) for r in found], "cursor": at, "full": q["cursor"] is None, "complete": q["cursor"] is None and not more}
    return dict(page, next=at) if more else page


def preview(db, q):
    return {"rows": [row(r) for r in db.execute("SELECT * FROM person WHERE NOT gone LIMIT ?", (q["rows"],))]}


def look(db, q):
    want = q.get("natural") or {"id": q["key"]}
    want = {c: t for c, t in want.items() if c in COLUMNS}
    where = " AND ".join(c + " = ?" for c in want)
    return {"rows": [row(r) for r in db.execute("SELECT * FROM person WHERE NOT gone AND " + where, list(want.values()))]}


def push(db, q):
    out = []
    for w in q["writes"]:
        known = db.execute("SELECT outcome FROM done WHERE intent = ?", (w["intent"],)).fetchone()
        if known:  # written before: the same answer, and nothing is written
            out.append(json.loads(known[0]))
            continue
        with db:  # the change and the memory of it, or neither
            o = dict(write(db, w), intent=w["intent"])
            if o["status"] == "applied":
                db.execute("INSERT INTO done VALUES (?, ?)", (w["intent"], json.dumps(o)))
        out.append(o)
    return {"outcomes": out}


def write(db, w):
    change = {c: t for c, t in w["set"].items() if c in COLUMNS and c != "id"}
    if len(change.get("xm", "")) > 20:
        return {"status": "refused", "column": "xm", "reason": "a name has at most 20 characters"}
    now = db.execute("SELECT coalesce(max(changed), 0) + 1 FROM person").fetchone()[0]
    if not w.get("key"):
        there = look(db, {"natural": w["natural"]})["rows"]
        if there:
            return {"status": "exists", "key": there[0]["key"], "reason": "somebody is there by this number"}
        key = "V%d" % now
        db.execute("INSERT INTO person (id, changed, gone) VALUES (?, ?, 0)", (key, now))
    else:
        key, there = w["key"], look(db, {"key": w["key"]})["rows"]
        if not there:
            return {"status": "gone", "reason": "there is no such row"}
        if any(there[0]["columns"].get(c) != t for c, t in w.get("if", {}).items()):
            return {"status": "missed", "reason": "somebody has changed it"}
    for column, text in change.items():
        db.execute("UPDATE person SET %s = ?, changed = ? WHERE id = ?" % column, (text, now, key))
    return {"status": "applied", "key": key}


def failure(code, text):
    return {"error": {"code": code, "text": text}}


def beat(nats):
    while True:
        nats.publish(PREFIX + "beat", {"instance": INSTANCE})
        time.sleep(BEAT)


if __name__ == "__main__":
    nats, db = Nats(sys.argv[1]), sqlite3.connect(sys.argv[2])
    db.row_factory = sqlite3.Row
    nats.send("SUB %s* 1" % PREFIX)
    threading.Thread(target=beat, args=(nats,), daemon=True).start()
    work = {"hello": hello, "check": check, "pull": pull, "preview": preview, "push": push, "look": look}
    for subject, reply, q in nats.messages():
        if f := work.get(subject[len(PREFIX):]):
            try:
                nats.publish(reply, f(db, q))
            except sqlite3.Error as e:  # which table or column, and never a value
                nats.publish(reply, failure("unreachable", "the database cannot be read or written (%s)" % type(e).__name__))
