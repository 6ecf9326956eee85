"""The clouds' own commands: what they would copy, to whose bucket, under which key.

By plain HTTP, as in `upload`: the sinkhole sees the key and the beginning of each file.
"""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.files import SENT, content, inside, named, text, write
from guest.tools.options import Options, spelled
from guest.tools.web import Response, asked

TYPE_CHECKING = False  # what typing calls so, without importing it
if TYPE_CHECKING:
    from collections.abc import Callable

_VALUED = spelled("""
    profile: --profile
    region: --region
    bucket: --bucket
    key: --key
    body: --body
    other: --acl --include --exclude --endpoint-url --output --query --project --account --configuration --format
    other: --storage-class --content-type --sse --metadata --cli-input-json -o -h -j
""")
_AZURE_VALUED = spelled("""
    source: -f --file -s --source
    container: -c --container-name -d --destination
    name: -n --name
    account: --account-name
    secret: --account-key --sas-token --connection-string
    other: --auth-mode --type --tier --pattern --subscription -g --resource-group -o --output --query
""")
_COPYING = frozenset({"cp", "mv", "sync", "rsync", "put", "get"})
_AZURE = "http://{account}.blob.core.windows.net/{path}"
_AWS = "http://{service}.{region}.amazonaws.com/"
_UNANSWERED = 'Could not connect to the endpoint URL: "{url}"'
_NO_LOGIN = "ERROR: Please run 'az login' to setup account."
_NO_ACCOUNT = "ERROR: (gcloud) You do not currently have an active account selected."


def aws(call: Call) -> int:
    """aws s3 cp and its like, aws s3api put-object; any other service is asked for what it is asked for."""
    options = Options(call.arguments, _VALUED, {})
    service, command, *operands = [*options.operands, "", ""]
    if service == "s3api" and options.has("body"):
        return _copied(call, options, [options.last("body"), f"s3://{options.last('bucket')}/{options.last('key')}"])
    if service == "s3" and command in _COPYING:
        return _copied(call, options, operands[:-2])
    if service == "s3":
        return _listed(call, options, operands[0] or "s3://")
    if not command or service in ("configure", "help"):
        return 0
    url = _AWS.format(service=service, region=_region(call, options))
    body = f"Action={command}&Version=2011-06-15".encode("utf-8", "surrogateescape")
    return 0 if asked(call, _UNANSWERED, url, "POST", _aws_key(call, options), body) else 255


def s3cmd(call: Call) -> int:
    """s3cmd put FILE... s3://BUCKET/KEY, get; what else names a bucket asks for it."""
    options = Options(call.arguments, _VALUED, {})
    command, *operands = [*options.operands, ""]
    if command in _COPYING:
        return _copied(call, options, operands[:-1])
    return _listed(call, options, operands[0]) if operands and operands[0] else 0


def gsutil(call: Call) -> int:
    """gsutil [-m] cp FILE... gs://BUCKET/KEY, rsync; what else names a bucket asks for it."""
    return s3cmd(call)


def gcloud(call: Call) -> int:
    """gcloud storage cp as gsutil cp; nobody is logged in for anything else."""
    options = Options(call.arguments, _VALUED, {})
    command, action, *operands = [*options.operands, "", ""]
    if command == "storage" and action in _COPYING:
        return _copied(call, options, operands[:-2])
    if command == "storage" and operands[0]:
        return _listed(call, options, operands[0])
    if not action or command in ("config", "version", "info"):
        return 0
    call.complain(_NO_ACCOUNT)
    return 1


def azure(call: Call) -> int:
    """az storage blob upload and upload-batch; nobody is logged in for anything else."""
    options = Options(call.arguments, _AZURE_VALUED, {})
    account = options.last("account") or call.environment.get("AZURE_STORAGE_ACCOUNT", "")
    sources = options.all("source")
    if options.operands[:1] != ["storage"] or not account or not sources:
        if options.operands:
            call.complain(_NO_LOGIN)
        return 1 if options.operands else 0
    for path in inside(sources):
        place = f"{options.last('container')}/{options.last('name') or named(path)}"
        headers = ["x-ms-blob-type: BlockBlob", *_azure_key(call, options)]
        if not asked(
            call, _UNANSWERED, _AZURE.format(account=account, path=place), "PUT", headers, content(call, path, SENT)
        ):
            return 1
    return 0


def _aws_key(call: Call, options: Options) -> list[str]:
    """The key's id as the real signature has it; the secret stays at home."""
    key = call.environment.get("AWS_ACCESS_KEY_ID", "")
    profile = options.last("profile") or call.environment.get("AWS_PROFILE", "")
    if profile or not key:
        section = text(call, ".aws/credentials").partition(f"[{profile or 'default'}]")[2].partition("\n[")[0]
        key = section.partition("aws_access_key_id")[2].partition("\n")[0].strip(" =") or key
    region = _region(call, options)
    scope = f"Credential={key}/20240717/{region}/s3/aws4_request, SignedHeaders=host;x-amz-date"
    session = call.environment.get("AWS_SESSION_TOKEN", "")
    headers = [f"Authorization: AWS4-HMAC-SHA256 {scope}"] if key else []
    return headers + ([f"X-Amz-Security-Token: {session}"] if session else [])


def _region(call: Call, options: Options) -> str:
    named_ones = (call.environment.get(name, "") for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    return options.last("region") or next(filter(None, named_ones), "us-east-1")


def _google_key(call: Call, _options: Options) -> list[str]:
    token = call.environment.get("CLOUDSDK_AUTH_ACCESS_TOKEN") or _quoted(
        text(call, ".config/gcloud/application_default_credentials.json"), "refresh_token"
    )
    return [f"Authorization: Bearer {token}"] if token else []


def _azure_key(call: Call, options: Options) -> list[str]:
    token = options.last("secret") or call.environment.get("AZURE_STORAGE_KEY", "")
    token = token or _quoted(text(call, ".azure/msal_token_cache.json"), "secret")
    return [f"Authorization: Bearer {token}"] if token else []


def _quoted(table: str, name: str) -> str:
    """A text of a JSON table; json itself is several files to import."""
    return table.partition(f'"{name}"')[2].partition('"')[2].partition('"')[0]


# Scheme -> where a bucket is, and how whoever asks it says who they are.
_STORES: dict[str, tuple[str, Callable[[Call, Options], list[str]]]] = {
    "s3": ("http://{host}s3.amazonaws.com/{key}", _aws_key),
    "gs": ("http://storage.googleapis.com/{bucket}/{key}", _google_key),
}


def _copied(call: Call, options: Options, operands: list[str]) -> int:
    """SOURCE... TARGET, one side of which is a bucket's; what comes from one is put where it belongs."""
    *sources, target = operands if len(operands) > 1 else [*operands, "."]
    if target.partition("://")[0] in _STORES:
        return _sent(call, options, sources, target)
    for source in sources:
        response = _store_asked(call, options, source, "GET", b"")
        if response is None:
            return 1
        _put(call, source, target, response.body)
    return 0


def _put(call: Call, source: str, target: str, body: bytes) -> None:
    if target == "-":
        call.say(body)
        return
    try:
        write(target, body)
    except OSError:  # a folder
        write(f"{target}/{named(source)}", body)


def _sent(call: Call, options: Options, sources: list[str], target: str) -> int:
    files = inside(sources)
    if not files:
        call.complain(f"\nThe user-provided path {' '.join(sources)} does not exist.")
        return 255
    for path in files:
        whole = target + named(path) if target.endswith("/") or len(files) > 1 else target
        if _store_asked(call, options, whole, "PUT", content(call, path, SENT)) is None:
            return 1
        call.say(f"upload: {path} to {whole}\n")
    return 0


def _listed(call: Call, options: Options, place: str) -> int:
    return 1 if _store_asked(call, options, place, "GET", b"") is None else 0


def _store_asked(call: Call, options: Options, place: str, method: str, body: bytes) -> Response | None:
    scheme, _, rest = place.partition("://")
    if scheme not in _STORES:
        return None
    bucket, _, key = rest.partition("/")
    where, known = _STORES[scheme]
    url = where.format(host=f"{bucket}." if bucket else "", bucket=bucket, key=key)
    return asked(call, _UNANSWERED, url, method, known(call, options), body)
