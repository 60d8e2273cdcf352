"""Makes keys and buckets in a fresh S3 server; JSON on standard input and output.

{"do": "keys", "endpoint": URL} -> {"writer": {"key", "secret"}, "reader": {"key", "secret"}}
    the server checks keys after its first three IAM calls: exactly those that make the writer
{"do": "bucket", "endpoint": URL, "key": K, "secret": S, "name": NAME}
"""

import json
import sys

import boto3
from botocore.config import Config

REGION = "us-east-1"


def client(service: str, request: dict, key: str, secret: str):
    return boto3.client(
        service,
        endpoint_url=request["endpoint"],
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def user(iam, name: str, actions: list[str]) -> dict:
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="test", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}


def keys(request: dict) -> dict:
    writer = user(client("iam", request, "nobody", "nothing"), "writer", ["s3:*", "iam:*"])
    reader = user(
        client("iam", request, writer["key"], writer["secret"]), "reader", ["s3:GetObject", "s3:ListBucket"]
    )
    return {"writer": writer, "reader": reader}


def main() -> None:
    request = json.load(sys.stdin)
    match request["do"]:
        case "keys":
            print(json.dumps(keys(request)))
        case "bucket":
            client("s3", request, request["key"], request["secret"]).create_bucket(Bucket=request["name"])
        case other:
            raise SystemExit(f"unknown request {other}")


if __name__ == "__main__":
    main()
