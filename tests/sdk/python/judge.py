"""The official Python SDK goes through the life of transactions and through every kind of error."""

import hashlib
import json
import os
import re
import sys
import time
import traceback
import uuid

import midtransclient
import requests
from midtransclient.error_midtrans import MidtransAPIError

BASE = os.environ["BASE"]
SERVER_KEY = os.environ["SERVER_KEY"]
CLIENT_KEY = os.environ["CLIENT_KEY"]
PAY = os.environ.get("PAY")
TOLD = os.environ.get("TOLD")
SUFFIX = str(time.time_ns())
AMOUNT = 44000
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
TIME = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"


def core(server_key=SERVER_KEY, **more):
    api = midtransclient.CoreApi(
        is_production=False, server_key=server_key, client_key=CLIENT_KEY, **more
    )
    api.api_config.CORE_SANDBOX_BASE_URL = BASE
    return api


def snap(server_key=SERVER_KEY):
    api = midtransclient.Snap(is_production=False, server_key=server_key, client_key=CLIENT_KEY)
    api.api_config.SNAP_SANDBOX_BASE_URL = BASE + "/snap/v1"
    api.api_config.CORE_SANDBOX_BASE_URL = BASE
    return api


orders = iter(range(1, 1_000_000))


def order(payment_type=None, **more):
    asked = {
        "transaction_details": {
            "order_id": f"python-{SUFFIX}-{next(orders)}",
            "gross_amount": AMOUNT,
        },
        "item_details": [{"id": "a", "price": AMOUNT, "quantity": 1, "name": "Kopi"}],
        "customer_details": {"first_name": "Ani", "email": "ani@example.com"},
        "a_field_of_tomorrow": [1, 2, 3],
        **more,
    }
    if payment_type is not None:
        asked["payment_type"] = payment_type
    return asked


def refused(call, code, http_status=200):
    """The body of the error with this code, under this HTTP status."""
    try:
        answer = call()
    except MidtransAPIError as error:
        assert error.http_status_code == http_status, error.message
        kind = "HTTP" if http_status >= 400 else "API"
        assert f"{kind} status code: `{code}`" in error.message, error.message
        body = error.api_response_dict
        if "status_code" in body:
            assert body["status_code"] == code, body
            assert re.match(UUID, body["id"]), body
        return body
    raise AssertionError(f"expected {code}, not {answer}")


def is_pending(answer, asked, payment_type):
    assert answer["status_code"] == "201", answer
    assert answer["order_id"] == asked["transaction_details"]["order_id"]
    assert answer["payment_type"] == payment_type
    assert answer["gross_amount"] == "44000.00"
    assert answer["transaction_status"] == "pending"
    assert re.match(UUID, answer["transaction_id"])
    assert re.match(TIME, answer["transaction_time"])


def charged(payment_type="bank_transfer", **more):
    if payment_type == "bank_transfer" and not more:
        more = {"bank_transfer": {"bank": "bca"}}
    return core().charge(order(payment_type, **more))


def shown(answer):
    """What a payer is shown, and pays by."""
    if "va_numbers" in answer:
        return {"va_number": answer["va_numbers"][0]["va_number"]}
    if "qr_string" in answer:
        return {"qr_string": answer["qr_string"]}
    links = [action["url"] for action in answer["actions"] if action["name"] == "deeplink-redirect"]
    return {"transaction_id": links[0].partition("?")[0].rpartition("/")[2]}


def paid(payment_type="bank_transfer", **more):
    answer = charged(payment_type, **more)
    done = requests.post(PAY, json=shown(answer), timeout=30)
    assert done.status_code == 200, done.text
    settled(answer["order_id"])
    return answer


def settled(order_id):
    """Asks until it is settled; a gateway hears of it from its provider."""
    end = time.monotonic() + 30
    while (status := core().transactions.status(order_id))["transaction_status"] != "settlement":
        assert status["transaction_status"] == "pending", status
        assert time.monotonic() < end, f"{order_id} is not settled"
        time.sleep(0.05)
    return status


def is_told(answer, status, code):
    """The merchant is told of this step, signed with its key; the body."""
    told = requests.get(f"{TOLD}/{answer['order_id']}/{status}", timeout=60)
    assert told.status_code == 200, told.text
    body = told.json()
    signed = body["order_id"] + body["status_code"] + body["gross_amount"] + SERVER_KEY
    assert body["signature_key"] == hashlib.sha512(signed.encode()).hexdigest(), body
    assert body["status_code"] == code, body
    assert body["transaction_id"] == answer["transaction_id"], body
    assert body["gross_amount"] == "44000.00", body
    return body


def test_every_virtual_account():
    for bank in ["bca", "bni", "bri", "cimb"]:
        asked = order("bank_transfer", bank_transfer={"bank": bank})
        answer = core().charge(asked)
        is_pending(answer, asked, "bank_transfer")
        assert answer["va_numbers"][0]["bank"] == bank
        assert answer["va_numbers"][0]["va_number"].isdigit()


def test_permata():
    asked = order("bank_transfer", bank_transfer={"bank": "permata"})
    answer = core().charge(asked)
    is_pending(answer, asked, "bank_transfer")
    assert answer["permata_va_number"].isdigit() and "va_numbers" not in answer


def test_mandiri_bill():
    asked = order("echannel", echannel={"bill_info1": "Payment For:", "bill_info2": "rent"})
    answer = core().charge(asked)
    is_pending(answer, asked, "echannel")
    assert re.match(r"^\d{6,12}$", answer["bill_key"]) and answer["biller_code"].isdigit()


def test_wallets_and_qris():
    for payment_type, more in [
        ("gopay", {}),
        ("gopay", {"gopay": {"enable_callback": True, "callback_url": "someapps://callback"}}),
        ("shopeepay", {"shopeepay": {"callback_url": "https://example.com/"}}),
        ("qris", {}),
        ("qris", {"qris": {"acquirer": "gopay"}}),
    ]:
        asked = order(payment_type, **more)
        answer = core().charge(asked)
        is_pending(answer, asked, payment_type)
        assert isinstance(answer["actions"], list)
        assert payment_type != "qris" or re.match(r"^000201.*6304[0-9A-F]{4}$", answer["qr_string"])


def test_stores():
    for store in ["alfamart", "indomaret"]:
        asked = order("cstore", cstore={"store": store})
        answer = core().charge(asked)
        is_pending(answer, asked, "cstore")
        assert answer["store"] == store and answer["payment_code"]


def test_status_by_both_ids():
    answer = charged()
    for id in [answer["order_id"], answer["transaction_id"]]:
        status = core().transactions.status(id)
        assert status["status_code"] == "201"
        assert status["transaction_status"] == "pending"
        assert len(status["signature_key"]) == 128
    listed = core().transactions.statusb2b(answer["order_id"])
    assert len(listed["transactions"]) == 1


def test_cancel():
    order_id = charged()["order_id"]
    answer = core().transactions.cancel(order_id)
    assert (answer["status_code"], answer["transaction_status"]) == ("200", "cancel")
    refused(lambda: core().transactions.cancel(order_id), "412")


def test_expire():
    order_id = charged()["order_id"]
    answer = core().transactions.expire(order_id)
    assert (answer["status_code"], answer["transaction_status"]) == ("407", "expire")
    assert core().transactions.status(order_id)["status_code"] == "407"


def test_approve_and_deny_need_a_challenge():
    order_id = charged()["order_id"]
    refused(lambda: core().transactions.approve(order_id), "412")
    refused(lambda: core().transactions.deny(order_id), "412")


def test_notification():
    answer = charged()
    told = {"transaction_id": answer["transaction_id"], "order_id": "whatever it says"}
    for notification in [told, json.dumps(told)]:
        status = core().transactions.notification(notification)
        assert status["order_id"] == answer["order_id"]
    # The SDK sends custom headers as the query of this call.
    api = core(custom_headers={"x-append-notification": "https://example.com/hook"})
    assert api.transactions.notification(told)["order_id"] == answer["order_id"]


def test_custom_headers():
    headers = {
        "x-override-notification": "https://example.com/hook",
        "idempotency-key": f"python-{SUFFIX}",
    }
    asked = order("gopay")
    first = core(custom_headers=headers).charge(asked)
    assert core(custom_headers=headers).charge(asked) == first


def test_errors():
    stranger = "SB-Mid-server-nobodys"
    refused(lambda: core(stranger).charge(order("gopay")), "401", 401)
    told = refused(lambda: snap(stranger).create_transaction(order()), "401", 401)
    assert isinstance(told["error_messages"], list)
    transactions = core().transactions
    for name in ["status", "statusb2b", "cancel", "expire", "approve", "deny", "refund"]:
        refused(lambda: getattr(transactions, name)("nobody-knows-it"), "404")
    refused(lambda: transactions.refundDirect("nobody-knows-it"), "404")
    asked = order("gopay")
    core().charge(asked)
    refused(lambda: core().charge(asked), "406")
    asked = order("gopay")
    asked["item_details"][0]["quantity"] = 2
    assert refused(lambda: core().charge(asked), "400")["validation_messages"]


def test_cards_are_refused():
    card = {
        "card_number": "4811111111111114",
        "card_cvv": "123",
        "card_exp_month": "02",
        "card_exp_year": "2030",
        "client_key": CLIENT_KEY,
    }
    refused(lambda: core().charge(order("credit_card", credit_card={"token_id": "4-1"})), "402")
    refused(lambda: core().card_token(card), "402")
    refused(lambda: core().card_register(card), "402")
    refused(lambda: core().card_point_inquiry("48111111-1114-x"), "402")
    refused(lambda: core().capture({"transaction_id": "a", "gross_amount": 1}), "402")


def test_snap():
    asked = order()
    answer = snap().create_transaction(asked)
    assert re.match(UUID, answer["token"]) and answer["token"] in answer["redirect_url"]
    assert requests.get(answer["redirect_url"], timeout=10).status_code == 200
    order_id = asked["transaction_details"]["order_id"]
    refused(lambda: snap().transactions.status(order_id), "404")
    assert isinstance(snap().create_transaction_token(order()), str)
    assert snap().create_transaction_redirect_url(order()).startswith("http")
    bad = order()
    del bad["transaction_details"]["order_id"]
    assert refused(lambda: snap().create_transaction(bad), "400", 400)["error_messages"]


def paid_test_settlement():
    order_id = paid()["order_id"]
    status = core().transactions.status(order_id)
    assert (status["status_code"], status["transaction_status"]) == ("200", "settlement")
    refused(lambda: core().transactions.cancel(order_id), "412")


def paid_test_refunds():
    order_id = paid("qris", qris={"acquirer": "gopay"})["order_id"]
    transactions = core().transactions
    first = transactions.refund(order_id, {"refund_key": "r1", "amount": 5000, "reason": "a"})
    assert first["transaction_status"] == "partial_refund"
    refused(lambda: transactions.refund(order_id, {"refund_key": "r1", "amount": 5000}), "406")
    refused(lambda: transactions.refund(order_id, {"refund_key": "r2", "amount": 39001}), "414")
    rest = transactions.refundDirect(order_id)
    assert (rest["transaction_status"], rest["refund_amount"]) == ("refund", "39000.00")
    assert transactions.status(order_id)["refund_amount"] == "44000.00"


def told_test_settlement():
    answer = paid()
    body = is_told(answer, "settlement", "200")
    # As merchants do: the word of a notification is taken from the status, which the SDK asks for.
    for notification in [body, json.dumps(body)]:
        status = core().transactions.notification(notification)
        assert status["order_id"] == answer["order_id"]
        assert status["transaction_status"] == "settlement"
        assert status["signature_key"] == body["signature_key"]
    forged = {**body, "transaction_id": str(uuid.uuid4())}
    refused(lambda: core().transactions.notification(forged), "404")


def told_test_what_ends_unpaid():
    answer = charged()
    is_told(answer, "pending", "201")
    core().transactions.cancel(answer["order_id"])
    is_told(answer, "cancel", "202")
    answer = charged()
    core().transactions.expire(answer["order_id"])
    is_told(answer, "expire", "202")


def told_test_refund():
    answer = paid("qris", qris={"acquirer": "gopay"})
    core().transactions.refund(answer["order_id"])
    assert is_told(answer, "refund", "200")["refund_amount"] == "44000.00"


def main():
    prefixes = ("test_",)
    if PAY:
        prefixes += ("paid_test_",)
    if PAY and TOLD:
        prefixes += ("told_test_",)
    tests = [(name, run) for name, run in globals().items() if name.startswith(prefixes)]
    failed = 0
    for name, run in tests:
        try:
            run()
        except Exception:
            failed += 1
            print(f"python: {name} failed: {traceback.format_exc()}", file=sys.stderr)
    print(f"python: {len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
