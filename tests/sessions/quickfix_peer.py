"""A QuickFIX engine in a process of its own: commands as lines on stdin, what happens as JSON lines on stdout.

quickfix_peer.py acceptor|initiator SETTINGS
"""

# ruff: noqa: N802
import json
import sys
import threading

import quickfix as fix


def say(event, **more):
    with lock:
        sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
        sys.stdout.flush()


lock = threading.Lock()


class Application(fix.Application):
    def onCreate(self, session_id):
        self.session_id = session_id

    def onLogon(self, session_id):
        say("logon")

    def onLogout(self, session_id):
        say("logout")

    def toAdmin(self, message, session_id):
        if message.getHeader().getField(35) == "A" and credentials:
            message.setField(553, credentials[0])
            message.setField(554, credentials[1])
        say("sent", raw=message.toString().replace("\x01", "|"))

    def toApp(self, message, session_id):
        say("sent", raw=message.toString().replace("\x01", "|"))

    def fromAdmin(self, message, session_id):
        say("admin", raw=message.toString().replace("\x01", "|"))

    def fromApp(self, message, session_id):
        say("app", raw=message.toString().replace("\x01", "|"))


credentials = []
role, path = sys.argv[1], sys.argv[2]
settings = fix.SessionSettings(path)
application = Application()
stores, logs = fix.FileStoreFactory(settings), fix.FileLogFactory(settings)
engine = {"acceptor": fix.SocketAcceptor, "initiator": fix.SocketInitiator}[role](application, stores, settings, logs)
say("ready")

for line in sys.stdin:
    command, *words = line.split()
    session = fix.Session.lookupSession(application.session_id)
    if command == "start":
        engine.start()
        say("started")
    elif command == "order":
        for word in words:
            order = fix.Message()
            order.getHeader().setField(35, "D")
            for tag, value in ((11, word), (55, "IBM"), (54, "1"), (38, "10"), (40, "2"), (44, "1.5")):
                order.setField(tag, value)
            order.setField(60, fix.TransactTime().getString() if hasattr(fix.TransactTime(), "getString") else "")
            fix.Session.sendToTarget(order, application.session_id)
    elif command == "test_request":
        message = fix.Message()
        message.getHeader().setField(35, "1")
        message.setField(112, words[0])
        fix.Session.sendToTarget(message, application.session_id)
    elif command == "numbers":
        say("numbers", sender=session.getExpectedSenderNum(), target=session.getExpectedTargetNum())
    elif command == "sender":
        session.setNextSenderMsgSeqNum(int(words[0]))
    elif command == "target":
        session.setNextTargetMsgSeqNum(int(words[0]))
    elif command == "credentials":
        credentials[:] = words
    elif command == "reset":
        session.reset()
    elif command == "logout":
        session.logout(" ".join(words))
    elif command == "logon":
        session.logon()
    elif command == "stop":
        engine.stop(bool(words))
        say("stopped")
        break
