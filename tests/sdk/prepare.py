#!/usr/bin/env python3
"""Sets up what a gateway is judged with: `merchant USERNAME NOTIFICATION_URL` says the keys of a
new merchant, `token USERNAME` the token of a buyer who has been given money."""

import json
import os
import sys
import urllib.request

BANKS = ["bank_transfer/" + bank for bank in ("bca", "bni", "bri", "cimb", "permata")]
METHODS = BANKS + [
    *("echannel", "gopay", "shopeepay", "qris/gopay", "qris/airpay"),
    *("cstore/indomaret", "cstore/alfamart"),
]


def call(method, path, body, token=None):
    request = urllib.request.Request(
        os.environ["GATEWAY"] + path, json.dumps(body).encode(), method=method
    )
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", "Bearer " + token)
    return json.load(urllib.request.urlopen(request, timeout=30))


def log_in(username):
    login = {"login": username, "password": "kata-sandi-panjang"}
    return call("POST", "/api/v1/auth/login", login)["token"]


what, username, *rest = sys.argv[1:]
admin = log_in("admin-1")
if what == "merchant":
    methods = METHODS + (["wallet"] if username.startswith("wallets") else [])
    terms = {"methods": methods, "fee_basis_points": 70, "urls": {"notification_url": rest[0]}}
    merchant = call("PUT", f"/api/v1/admin/merchants/{username}", terms, admin)
    print(merchant["server_key"])
    print(merchant["client_key"])
else:
    call("POST", "/api/v1/admin/topups", {"to": username, "amount": 1_000_000}, admin)
    print(log_in(username))
