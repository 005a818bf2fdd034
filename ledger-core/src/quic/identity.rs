//! Mutual TLS 1.3 with raw Ed25519 public keys (RFC 7250): a key is all that a peer shows, and the [`Registry`] says
//! whose it is. No certificates, so nothing to issue, renew or parse. The chain's identity is in the ALPN, so machines
//! of different chains never talk. No tickets and no early data: every connection proves both keys afresh.

use super::clock::Clock;
use super::entropy::Entropy;
use super::event::Refusal;
use super::registry::{Registry, peer_of};
use crate::crypto::{ChainId, PublicKey, SecretKey, Signature, SignatureCheck, verify_one};
use crate::seam::Peer;
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm,
    SignatureScheme, version::TLS13,
};
use std::sync::{Arc, RwLock};

/// The head of an Ed25519 `SubjectPublicKeyInfo` (RFC 8410, section 4); the key's 32 bytes follow.
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The application protocol of a chain: machines that do not share it do not talk.
pub fn alpn(chain: ChainId) -> Vec<u8> {
    let hex: String = chain.0.0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("amanah/1/{hex}").into_bytes()
}

/// A key as TLS carries it.
pub fn spki(key: PublicKey) -> Vec<u8> {
    [&SPKI_HEAD[..], &key.0].concat()
}

/// The key that [`spki`] wrote.
pub fn key_of_spki(spki: &[u8]) -> Option<PublicKey> {
    spki.strip_prefix(&SPKI_HEAD)?.try_into().ok().map(PublicKey)
}

/// Asks the registry in force at the time of the handshake.
#[derive(Debug)]
pub(super) struct Gate {
    registry: RwLock<Arc<Registry>>,
    clock: Clock,
}

impl Gate {
    pub fn new(registry: Arc<Registry>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { registry: RwLock::new(registry), clock })
    }

    pub fn replace(&self, registry: Arc<Registry>) {
        *self.registry.write().expect("nothing panics while it holds this") = registry;
    }

    pub fn registry(&self) -> Arc<Registry> {
        self.registry.read().expect("nothing panics while it holds this").clone()
    }

    fn admit(&self, key: &CertificateDer<'_>, expected: Option<Peer>) -> Result<(), Error> {
        let key = key_of_spki(key).ok_or(CertificateError::BadEncoding)?;
        let admitted = self.registry().admit(&key, self.clock.now());
        let refusal = match admitted {
            Ok((peer, _)) if expected.is_none_or(|expected| expected == peer) => return Ok(()),
            Ok(_) => Refusal::WrongKey,
            Err(refusal) => refusal,
        };
        Err(match refusal {
            Refusal::ExpiredKey => CertificateError::Expired,
            Refusal::WrongKey => CertificateError::ApplicationVerificationFailure,
            Refusal::UnknownKey
            | Refusal::BadSignature
            | Refusal::OtherChain
            | Refusal::Full
            | Refusal::Handshake => CertificateError::UnknownIssuer,
        }
        .into())
    }
}

/// What an alert says, ours or the peer's: the inverse of what the verifiers here answer.
pub(super) fn refusal_of(transport_code: u64) -> Refusal {
    let alert = match transport_code {
        // CONNECTION_REFUSED (RFC 9000, section 20.1).
        2 => return Refusal::Full,
        code => u8::try_from(code ^ 0x100).ok().map(AlertDescription::from),
    };
    match alert {
        Some(AlertDescription::UnknownCA) => Refusal::UnknownKey,
        Some(AlertDescription::CertificateExpired) => Refusal::ExpiredKey,
        Some(AlertDescription::AccessDenied) => Refusal::WrongKey,
        Some(AlertDescription::DecryptError) => Refusal::BadSignature,
        Some(AlertDescription::NoApplicationProtocol) => Refusal::OtherChain,
        _ => Refusal::Handshake,
    }
}

/// Whether a transport error code is a TLS alert (RFC 9001, section 4.8) or a refusal.
pub(super) fn is_refusal(transport_code: u64) -> bool {
    transport_code == 2 || transport_code & !0xff == 0x100
}

/// Both configurations of a host.
pub(super) struct Identity {
    pub client: Arc<QuicClientConfig>,
    pub server: Arc<QuicServerConfig>,
}

impl Identity {
    pub fn new(
        key: &SecretKey,
        chain: ChainId,
        gate: &Arc<Gate>,
        clock: &Clock,
        entropy: &Entropy,
    ) -> Result<Self, Error> {
        let public = spki(key.public());
        let key = Arc::new(CertifiedKey::new(vec![public.into()], Arc::new(TlsKey(key.clone()))));
        let verifier = Arc::new(Verifier(gate.clone()));
        let time = Arc::new(clock.clone());
        let protocols = vec![alpn(chain)];

        let mut client = rustls::ClientConfig::builder_with_details(entropy.provider.clone(), time.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key.clone())));
        client.alpn_protocols = protocols.clone();
        client.enable_sni = false;
        client.resumption = Resumption::disabled();

        let mut server = rustls::ServerConfig::builder_with_details(entropy.provider.clone(), time)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
        server.alpn_protocols = protocols;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let no_suite = |_| Error::General("the provider lacks TLS13_AES_128_GCM_SHA256".into());
        Ok(Self {
            client: Arc::new(QuicClientConfig::try_from(client).map_err(no_suite)?),
            server: Arc::new(QuicServerConfig::try_from(server).map_err(no_suite)?),
        })
    }
}

#[derive(Debug)]
struct TlsKey(SecretKey);

impl SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(Self(self.0.clone())) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(spki(self.0.public()).into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign_bytes(message).0.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Checks keys against the gate and signatures by the house's one rule.
#[derive(Debug)]
struct Verifier(Arc<Gate>);

impl Verifier {
    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = key_of_spki(key).ok_or(CertificateError::BadEncoding)?;
        let signature = signed.signature().try_into().map_err(|_| CertificateError::BadSignature)?;
        let check = SignatureCheck { key, message: message.to_vec(), signature: Signature(signature) };
        if signed.scheme == SignatureScheme::ED25519 && verify_one(&check) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn only_tls13<T>() -> Result<T, Error> {
        Err(Error::General("only TLS 1.3 is offered".into()))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let expected = peer_of(&server_name.to_str()).ok_or(CertificateError::NotValidForName)?;
        self.0.admit(end_entity, Some(expected)).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::only_tls13()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.admit(end_entity, None).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::only_tls13()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
