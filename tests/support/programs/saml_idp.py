"""A real SAML identity provider (pysaml2) as a separate program.

`python -m tests.support.programs.saml_idp DIRECTORY`.

`PUT /metadata` registers a service provider; `/sso` signs in the user named by the parameter `user`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

_AUTHENTICATED = {"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"}


def _server(directory: Path, url: str) -> Server:
    policy = {"default": {"lifetime": {"minutes": 5}, "name_form": NAME_FORMAT_URI}}
    endpoints = {"single_sign_on_service": [(f"{url}/sso", BINDING_HTTP_REDIRECT)]}
    config = IdPConfig().load(
        {
            "entityid": f"{url}/idp",
            "service": {"idp": {"endpoints": endpoints, "policy": policy}},
            "key_file": str(directory / "key.pem"),
            "cert_file": str(directory / "certificate.pem"),
            "metadata": {"inline": []},
        }
    )
    return Server(config=config)


class _Handler(BaseHTTPRequestHandler):
    idp: Server

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.idp.metadata.load("inline", content)
        self._answer({})

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        asked = self.idp.parse_authn_request(query["SAMLRequest"], BINDING_HTTP_REDIRECT)
        where = self.idp.response_args(asked.message)
        email = query["user"]
        signed = self.idp.create_authn_response(
            {"mail": [email], "displayName": ["Some Body"]},
            userid=email,
            in_response_to=where["in_response_to"],
            destination=where["destination"],
            sp_entity_id=where["sp_entity_id"],
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=f"subject of {email}"),
            authn=_AUTHENTICATED,
            sign_assertion=True,
            sign_response=query.get("sign") == "both",
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
        )
        self._answer({"acs": where["destination"], "response": str(signed)})

    def _answer(self, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main(directory: Path) -> None:
    """Serve until the process ends; write the URL to the file `url` in the directory."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        url = f"http://127.0.0.1:{listening.server_port}"
        _Handler.idp = _server(directory, url)
        (directory / "url.new").write_text(url)
        (directory / "url.new").rename(directory / "url")
        listening.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
