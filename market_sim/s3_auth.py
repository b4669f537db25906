"""Whether a request to S3 is signed (version 4) with the account's keys."""

import re
from dataclasses import dataclass

from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class S3Keys:
    """The keys of the account."""

    access: str
    secret: str


def refusal_of(request: web.Request, keys: S3Keys) -> str | None:
    """Return S3's error code if the request is not signed with the keys."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        return "AccessDenied"
    access, region, headers, signature = found.groups()
    if access != keys.access:
        return "InvalidAccessKeyId"
    return (
        None if signature == _signature(request, keys, region, headers) else "SignatureDoesNotMatch"
    )


def _signature(request: web.Request, keys: S3Keys, region: str, headers: str) -> str:
    signer = S3SigV4Auth(Credentials(keys.access, keys.secret), "s3", region)
    signed = {name: request.headers.get(name, "") for name in headers.split(";")}
    url = f"http://{request.host}{request.raw_path}"
    copy = AWSRequest(method=request.method, url=url, headers=signed)
    copy.context["timestamp"] = request.headers.get("X-Amz-Date", "")
    text = signer.string_to_sign(copy, signer.canonical_request(copy))
    return str(signer.signature(text, copy))
