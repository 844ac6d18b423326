//! Services that are asked over TLS, with certificates that are good and that are not.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::trust::until_told;
use super::{app, gateway, gateway_with, until_ready};
use crate::common::Server;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap();
    assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

/// What takes TLS off before a server, for `localhost`: its port.
async fn before(server: &Server, folder: &Path) -> u16 {
    openssl(folder, &format!("req -x509 {KEY} -keyout ca.key -out ca.crt -days 2 -subj /CN=ca"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").unwrap();
    openssl(folder, &format!("req {KEY} -keyout server.key -out server.csr -subj /CN=localhost"));
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    );
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, to) = (listener.local_addr().unwrap().port(), server.origin.trim_start_matches("http://").to_owned());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // Who does not trust the certificate goes away.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn services_are_asked_over_tls_where_their_certificates_are_good() {
    let app = app();
    let server = app.serve();
    let folder = tempfile::tempdir().unwrap();
    let port = before(&server, folder.path()).await;
    let authority = folder.path().join("ca.crt");
    let trusted = [("SSL_CERT_FILE", authority.to_str().unwrap())];

    let named = format!("https://localhost:{port}");
    let good = gateway_with(&app, &named, &server.origin, &trusted);
    until_ready(&good, 200).await;
    let record = serde_json::json!({ "id": 1 });
    good.post("/api/persons", record.clone()).await.has(201);
    good.get("/api/persons/1").await.is(200, record);
    good.get("/rest/v1/things").await.has(200);
    assert_eq!(good.get("/who").await.json()["remote"], "127.0.0.1");

    // A certificate for another name, one of an authority that nobody trusts, and no TLS at all.
    let other_name = gateway_with(&app, &format!("https://127.0.0.1:{port}"), &server.origin, &trusted);
    until_told(&other_name, "certificate not valid for name").await;
    let plain = gateway_with(&app, &server.origin.replace("http:", "https:"), &server.origin, &trusted);
    until_told(&plain, "a replica is not asked any more").await;
    let untrusted = gateway(&app, &named, &server.origin);
    until_told(&untrusted, "UnknownIssuer").await;
    for refused in [other_name, plain, untrusted] {
        refused.get("/api/persons").await.has(503);
        refused.get("/rest/v1/things").await.has(200);
    }
}
