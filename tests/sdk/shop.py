#!/usr/bin/env python3
"""Where the judged Midtrans tells its merchant, and a payer with a wallet.

POST /told                     a notification; answered 200 and kept
GET  /told/{order_id}/{status} the first one of this order and status, once it has come
POST /pay                      as the simulator's: a QR of this gateway is paid from a wallet, the
                               rest at the counter of the provider behind it

Says `ready on http://...` once it listens. PROVIDER, GATEWAY and BUYER_TOKEN are for /pay.
"""

import http.server
import json
import os
import sys
import threading
import urllib.error
import urllib.request

PATIENCE_SECONDS = 30
told = []
came = threading.Condition()


def call(url, body, token=None):
    """Status and text of the answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def pay(body):
    token = os.environ.get("BUYER_TOKEN")
    if token and "qr_string" in body:
        payment = {"qr": body["qr_string"]}
        status, text = call(os.environ["GATEWAY"] + "/api/v1/qr/pay", payment, token)
        return (200 if status == 201 else status), text
    return call(os.environ["PROVIDER"] + "/simulator/pay", body)


def first(order, status):
    """The text of the notification; none if it did not come in time."""

    def found():
        for text in told:
            body = json.loads(text)
            if (body["order_id"], body["transaction_status"]) == (order, status):
                return text
        return None

    with came:
        return came.wait_for(found, PATIENCE_SECONDS)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/pay":
            self.say(*pay(json.loads(text)))
            return
        with came:
            told.append(text)
            came.notify_all()
        self.say(200, b"{}")

    def do_GET(self):
        _, _, order, status = self.path.split("/")
        text = first(order, status)
        self.say(*((200, text) if text else (404, b"nothing was told")))

    def say(self, status, text):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Handler)
print(f"the shop is ready on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
