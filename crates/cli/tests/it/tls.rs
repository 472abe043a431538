//! `verify-full`: only a server whose authority `PGSSLROOTCERT` names, and whose name its certificate has, is believed.

use std::path::Path;
use std::time::Duration;

use local_postgres::LocalPostgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::fresh::{Folder, start, stop};
use crate::world::{Ran, run, tandem};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::default();
    // A stranger may well have the name of somebody who is trusted.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Has a server show a certificate for `localhost` to who wants one.
async fn certify(server: &LocalPostgres, authority: &Authority) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let mut superuser = PgConnection::connect(&server.url("postgres")).await.unwrap();
    // The server writes its files itself, because it may be another user's.
    for (file, text) in [
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        let lines = text.trim().replace('\n', "'), ('");
        let copy = format!("copy (values ('{lines}')) to program 'umask 077; cat > {file}'");
        superuser.execute(AssertSqlSafe(copy)).await.unwrap();
    }
    superuser.execute("alter system set ssl = on").await.unwrap();
    superuser.execute("select pg_reload_conf()").await.unwrap();
    testkit::eventually(
        "the server has reread its settings",
        Duration::from_secs(20),
        async || {
            let mut connection = PgConnection::connect(&server.url("postgres")).await.ok()?;
            let ssl: String = sqlx::query_scalar("show ssl")
                .fetch_one(&mut connection)
                .await
                .ok()?;
            (ssl == "on").then_some(())
        },
    )
    .await;
}

async fn migrate(url: &str, trusted: &Path) -> Ran {
    let mut command = tandem(&["migrate", "--database-url", url]);
    command.env("PGSSLROOTCERT", trusted);
    run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_only_with_its_authority_and_its_name() {
    let folder = Folder::new();
    let server = start(&folder, None).await;
    let ours = authority();
    certify(&server, &ours).await;
    let of_rds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../certificates/rds-ca.pem");
    let of_rds = std::fs::read_to_string(of_rds).unwrap();
    let trusted = folder.write("ours.pem", &ours.pem());
    let among_others = folder.write("all.pem", &format!("{of_rds}{}", ours.pem()));
    let strangers = folder.write("strangers.pem", &authority().pem());
    let rds_only = folder.write("rds.pem", &of_rds);

    let by_address = format!("{}?sslmode=verify-full", server.url("postgres"));
    let by_name = by_address.replace("127.0.0.1", "localhost");
    for trusted in [&strangers, &rds_only] {
        let refused = migrate(&by_name, trusted).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("invalid peer certificate"), "{refused:?}");
    }
    let misnamed = migrate(&by_address, &trusted).await;
    assert_eq!(misnamed.code, 1, "{misnamed:?}");
    assert!(misnamed.err.contains("not valid for"), "{misnamed:?}");
    for trusted in [&trusted, &among_others] {
        let believed = migrate(&by_name, trusted).await;
        assert_eq!(believed.code, 0, "{believed:?}");
    }
    stop(server).await;
}
