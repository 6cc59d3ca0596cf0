"""An SMTP server on a free port of this machine, for tests.

Arguments: what it does with each mail in turn (`take`, `busy`, `refuse`, `drop`: take it and close without an
answer; `hang`), then `take`. `--tls CERT KEY` offers STARTTLS, `--login USER PASSWORD` asks for a login.
A recipient that begins with `gone` is refused, one that begins with `later` is put off. The first line of
output is the port, each further one a mail that was taken.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Receiver:
    def __init__(self, acts):
        self.acts = acts

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.2.1 mailbox is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        act = self.acts.pop(0) if self.acts else "take"
        if act == "busy":
            return "451 4.3.0 try again later"
        if act == "refuse":
            return "554 5.7.1 refused by policy"
        if act == "hang":
            await asyncio.sleep(3600)
        mail = {
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode("utf-8"),
            "tls": session.ssl is not None,
            "login": session.authenticated,
        }
        print(json.dumps(mail), flush=True)
        if act == "drop":
            server.transport.abort()
        return "250 OK"


def options(arguments):
    chosen = {}
    if "--tls" in arguments:
        at = arguments.index("--tls")
        _, certificate, key = arguments[at : at + 3]
        del arguments[at : at + 3]
        chosen["tls_context"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        chosen["tls_context"].load_cert_chain(certificate, key)
    if "--login" in arguments:
        at = arguments.index("--login")
        _, user, password = arguments[at : at + 3]
        del arguments[at : at + 3]
        right = (user.encode(), password.encode())

        def authenticate(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login, data.password) == right, handled=False)

        chosen.update(authenticator=authenticate, auth_required=True, auth_require_tls=False)
    return chosen


async def main(arguments):
    chosen = options(arguments)
    receiver = Receiver(arguments)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(receiver, hostname="localhost", loop=loop, **chosen), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1:]))
