//! The second proof for decryption and for work on keys, beside the host's key: the app's default
//! key opens every Function.

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{hmac, rand::SystemRandom};
use serde_json::Value;

use super::{
    audit::Caller,
    failure::{Kind, Refusal},
};
use crate::settings::{SecondProof, Secret};

/// Who the platform says the caller is: JSON in base64.
const PRINCIPAL: &str = "x-ms-client-principal";

/// The same person's name.
const PRINCIPAL_NAME: &str = "x-ms-client-principal-name";

/// Who asks, if they may do what is guarded.
///
/// # Errors
/// What is missing: the proof, or the setting that says what a proof is.
pub fn prove(
    wanted: &SecondProof,
    headers: &HeaderMap,
    invocation_id: Option<&str>,
) -> Result<Caller, Refusal> {
    let of = wanted.of;
    let denied = |reason: &str| Err(Refusal::new(Kind::Denied, of.header(), reason));
    let proof = match (&wanted.secret, &wanted.role) {
        (None, None) => {
            let (secret, role) = (of.secret_setting(), of.role_setting());
            return denied(&format!(
                "nobody may do this yet: set {secret}, or {role} with platform authentication"
            ));
        }
        (Some(secret), _) if has_secret(secret, headers, of.header()) => "secret",
        (_, Some(role)) if has_role(wanted, role, headers) => "role",
        _ => {
            return denied(
                "a proof is needed beside the function key: this header with the secret, or a token with the application role",
            );
        }
    };
    let name = headers.get(PRINCIPAL_NAME).and_then(|name| name.to_str().ok());
    let name = name.filter(|_| wanted.is_platform_authenticated);
    Ok(Caller {
        name: name.map(str::to_owned),
        proof,
        invocation_id: invocation_id.map(str::to_owned),
    })
}

/// Compares in constant time: as HMACs under a key that nobody knows.
fn has_secret(secret: &Secret, headers: &HeaderMap, header: &str) -> bool {
    let mut sent = headers.get_all(header).iter();
    let (Some(sent), None) = (sent.next(), sent.next()) else { return false };
    let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) else {
        return false;
    };
    let wanted = hmac::sign(&key, secret.expose().as_bytes());
    hmac::verify(&key, sent.as_bytes(), wanted.as_ref()).is_ok()
}

/// Whether the platform says that the caller has the role; the header counts only where the
/// platform writes it, and takes away what callers send.
fn has_role(wanted: &SecondProof, role: &str, headers: &HeaderMap) -> bool {
    if !wanted.is_platform_authenticated {
        return false;
    }
    let mut sent = headers.get_all(PRINCIPAL).iter();
    let (Some(sent), None) = (sent.next(), sent.next()) else { return false };
    let principal = STANDARD.decode(sent.as_bytes()).ok();
    let principal: Option<Value> = principal.and_then(|json| serde_json::from_slice(&json).ok());
    let principal = principal.unwrap_or_default();
    let role_type = principal["role_typ"].as_str().unwrap_or("roles");
    let mut claims = principal["claims"].as_array().into_iter().flatten();
    claims.any(|claim| {
        let kind = claim["typ"].as_str().unwrap_or_default();
        (kind == "roles" || kind == role_type) && claim["val"] == role
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::settings::Guarded;
    use serde_json::json;

    const SECRET: &str = "correct horse battery staple";
    const HEADER: &str = "x-lakehand-decrypt";

    fn settings(secret: bool, role: bool, is_platform_authenticated: bool) -> SecondProof {
        SecondProof {
            of: Guarded::Decrypt,
            secret: secret.then(|| Secret::new(SECRET)),
            role: role.then(|| "Decrypt".to_owned()),
            is_platform_authenticated,
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn proven(wanted: &SecondProof, pairs: &[(&'static str, &str)]) -> Option<&'static str> {
        prove(wanted, &headers(pairs), None).ok().map(|caller| caller.proof)
    }

    #[test]
    fn only_the_secret_itself_counts() {
        let secret = settings(true, false, false);
        assert_eq!(proven(&secret, &[(HEADER, SECRET)]), Some("secret"));
        let prefix = &SECRET[..SECRET.len() - 1];
        for wrong in ["", prefix, "Correct horse battery staple"] {
            assert_eq!(proven(&secret, &[(HEADER, wrong)]), None);
        }
        assert_eq!(proven(&secret, &[(HEADER, SECRET), (HEADER, SECRET)]), None);
        assert_eq!(proven(&secret, &[]), None);
    }

    #[test]
    fn a_role_counts_only_where_the_platform_checks_it() {
        let principal = |kind: &str, role: &str| {
            let claims = json!({ "role_typ": "role", "claims": [{ "typ": kind, "val": role }] });
            STANDARD.encode(claims.to_string())
        };
        let has = principal("roles", "Decrypt");
        let on = settings(false, true, true);
        assert_eq!(proven(&on, &[(PRINCIPAL, &has)]), Some("role"));
        assert_eq!(proven(&on, &[(PRINCIPAL, &principal("role", "Decrypt"))]), Some("role"));
        assert_eq!(proven(&on, &[(PRINCIPAL, &principal("roles", "Read"))]), None);
        assert_eq!(proven(&on, &[(PRINCIPAL, &principal("name", "Decrypt"))]), None);
        assert_eq!(proven(&on, &[(PRINCIPAL, "no base64")]), None);
        assert_eq!(proven(&settings(false, true, false), &[(PRINCIPAL, &has)]), None);
    }

    #[test]
    fn without_a_setting_nobody_decrypts() {
        let refusal = prove(&settings(false, false, true), &headers(&[(HEADER, "")]), None);
        assert!(refusal.unwrap_err().reason.contains("LAKEHAND_DECRYPT_SECRET"));
    }

    #[test]
    fn the_secret_of_one_thing_opens_no_other() {
        let keys = SecondProof { of: Guarded::Keys, ..settings(true, false, false) };
        assert_eq!(proven(&keys, &[(HEADER, SECRET)]), None);
        assert_eq!(proven(&keys, &[("x-lakehand-keys", SECRET)]), Some("secret"));
    }
}
