"""The bench's own token issuer: in production, as which branchgraph is measured, the development one is refused."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from api.issuer import parse_persona

ISSUER = "https://bench.branchgraph.invalid"
AUDIENCE = "branchgraph"
KEY_ID = "bench"
LIFETIME_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Identity:
    """A key of this run; `keys` is the file that its public half is in."""

    keys: Path
    private: ec.EllipticCurvePrivateKey

    def environment(self) -> dict[str, str]:
        """The settings by which a server trusts this issuer."""
        return {"TOKEN_JWKS": str(self.keys), "TOKEN_ISSUER": ISSUER, "TOKEN_AUDIENCE": AUDIENCE}

    def token(self, persona: str) -> str:
        """A token as a persona of the demonstration would have it."""
        caller = parse_persona(persona)
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": caller.subject, "iat": now, "exp": now + LIFETIME_S}
        claims |= {"role": caller.role.value} | ({"office": caller.office} if caller.office else {})
        return jwt.encode(claims, self.private, "ES256", headers={"kid": KEY_ID})


def new_identity(keys: Path) -> Identity:
    """A new key, its public half in the file `keys`."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    keys.write_text(json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}))
    return Identity(keys, private)
