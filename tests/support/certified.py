"""A real Kafka that asks for a certificate (mutual TLS): its common name is the user's."""

from pathlib import Path

import trustme

from tests.support.secured import USER, SecuredKafka


class CertifiedKafka(SecuredKafka):
    """Its second door, at `guarded`, is for those with a certificate of an authority it trusts."""

    def __init__(self, folder: Path) -> None:
        self._trusted = folder / "trusted.pem"
        self.authority = trustme.CA()
        """Who issues the certificates of clients."""
        self.authority.cert_pem.write_to_path(str(self._trusted))
        super().__init__(
            folder,
            settings={
                "listener.security.protocol.map": (
                    "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SSL"
                ),
                "listener.name.guarded.ssl.client.auth": "required",
                "listener.name.guarded.ssl.truststore.type": "PEM",
                "listener.name.guarded.ssl.truststore.location": str(self._trusted),
                # Not the last field: a certificate says more of its owner than the name.
                "listener.name.guarded.ssl.principal.mapping.rules": "RULE:^CN=([^,]+),.*$/$1/",
            },
        )

    def trust_another(self) -> None:
        """Trust a new authority in the place of the old one, after a restart."""
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(self._trusted))

    def certify(
        self, folder: Path, user: str = USER, authority: trustme.CA | None = None
    ) -> dict[str, str]:
        """Issue a certificate into a folder; return what its owner needs to come in."""
        issued = (authority or self.authority).issue_cert(f"{user}.test", common_name=user)
        certificate, key = folder / "client.pem", folder / "client.key"
        certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        key.chmod(0o600)
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority_file),
            "ssl.certificate.location": str(certificate),
            "ssl.key.location": str(key),
        }
