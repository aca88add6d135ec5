"""What encrypting the journal's bodies would cost a record: the figures of ADR 30."""

import os
import time
from decimal import Decimal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.core.codec import encode_body
from holdfast.core.messages import OrderFilled
from holdfast.core.types import ClientOrderId, Price, Quantity, Side

BODIES = 10_000
ROUNDS = 5


def main() -> None:
    """Encrypt and decrypt the bodies of some records one by one, each with a nonce and its name of its own."""
    name, quantity, price = ClientOrderId("hf-house-1-1"), Quantity(Decimal(10)), Price(Decimal("101.25"))
    bodies = [
        encode_body(
            OrderFilled(name, f"broker-order:{number}", "AVOR", Side.BUY, quantity, price, broker_order_id="b" * 36)
        )
        for number in range(BODIES)
    ]
    cipher = AESGCM(os.urandom(32))
    best_encrypt_us = best_decrypt_us = float("inf")
    for _ in range(ROUNDS):
        start_s = time.process_time()
        sealed = []
        for number, text in enumerate(bodies):
            nonce = os.urandom(12)
            sealed.append((nonce, cipher.encrypt(nonce, text, b"house %d" % number)))
        middle_s = time.process_time()
        opened = [cipher.decrypt(nonce, text, b"house %d" % number) for number, (nonce, text) in enumerate(sealed)]
        end_s = time.process_time()
        assert opened == bodies
        best_encrypt_us = min(best_encrypt_us, (middle_s - start_s) / BODIES * 1e6)
        best_decrypt_us = min(best_decrypt_us, (end_s - middle_s) / BODIES * 1e6)
    more = len(sealed[0][0]) + len(sealed[0][1]) - len(bodies[0])
    print(f"{BODIES:,} bodies of {len(bodies[-1])} bytes, the best of {ROUNDS} rounds, processor time")
    print(f"encrypt {best_encrypt_us:.1f} us, decrypt {best_decrypt_us:.1f} us a body; {more} bytes more each")
