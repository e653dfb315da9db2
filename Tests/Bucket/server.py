"""A bucket for tests: moto's S3, behind a check of every signature by botocore's own code.

    server.py PORT BUCKET ACCESS-KEY SECRET-KEY [CERTIFICATE KEY]

moto by itself takes any signature. PORT 0 is any free port; "listening on PORT" says which, on standard error. What
it keeps it keeps in memory. With a certificate it speaks TLS.
"""

import datetime
import hashlib
import hmac
import io
import sys
import threading
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "test-region-1"
FORM = "%Y%m%dT%H%M%SZ"


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Bucket:
    def __init__(self, key, secret):
        self.credentials = Credentials(key, secret)
        self.app = create_backend_app("s3")

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            self.check(environ, body)
        except Refused as refused:
            page = f"<Error><Code>{refused.code}</Code><Message>{refused}</Message></Error>".encode()
            start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(page)))])
            return [page]
        return self.app(environ, start_response)

    def check(self, environ, body):
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        url = f"http://{headers['host']}{environ['REQUEST_URI']}"
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        if "X-Amz-Signature" in query:
            if "authorization" in headers:
                raise Refused("InvalidArgument", "Only one auth mechanism allowed")
            kind, moment, given = S3SigV4QueryAuth, query["X-Amz-Date"], query.pop("X-Amz-Signature")
            scope, signed = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
            lifetime = int(query["X-Amz-Expires"])
            url = "&".join(part for part in url.split("&") if not part.startswith("X-Amz-Signature="))
        elif headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            fields = dict(part.strip().split("=", 1) for part in headers["authorization"][17:].split(","))
            kind, moment, given = S3SigV4Auth, headers["x-amz-date"], fields["Signature"]
            scope, signed, lifetime = fields["Credential"], fields["SignedHeaders"], 900
            if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
                raise Refused("XAmzContentSHA256Mismatch", "The provided SHA-256 does not match what was computed.")
            missing = [name for name in headers if name.startswith("x-amz-") and name not in signed.split(";")]
            if missing:
                raise Refused("AccessDenied", f"There were headers present in the request which were not signed: {missing}")
        else:
            raise Refused("AccessDenied", "Anonymous access is forbidden")
        if scope.split("/")[0] != self.credentials.access_key:
            raise Refused("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        if scope.split("/")[2:] != [REGION, "s3", "aws4_request"]:
            raise Refused("AuthorizationHeaderMalformed", f"the region is wrong; expecting '{REGION}'")
        age = (datetime.datetime.utcnow() - datetime.datetime.strptime(moment, FORM)).total_seconds()
        if not -900 < age < lifetime:
            raise Refused("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        if "host" not in signed.split(";"):
            raise Refused("AccessDenied", "The host is not signed")
        request = AWSRequest(environ["REQUEST_METHOD"], url, {name: headers.get(name, "") for name in signed.split(";")})
        request.context["timestamp"] = moment
        auth = kind(self.credentials, "s3", REGION)
        wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        if not hmac.compare_digest(given, wanted):
            raise Refused("SignatureDoesNotMatch", "The request signature we calculated does not match.")


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        """Only what goes wrong is worth a line."""


def main(port, name, key, secret, *tls):
    bucket = Bucket(key, secret)
    server = make_server("127.0.0.1", int(port), bucket, threaded=True, request_handler=Quiet, ssl_context=tls or None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    boto3.client(
        "s3", region_name=REGION, endpoint_url=f"http{'s' if tls else ''}://127.0.0.1:{server.port}", verify=False,
        aws_access_key_id=key, aws_secret_access_key=secret, config=Config(proxies={}),
    ).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    print(f"listening on {server.port}", file=sys.stderr, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
