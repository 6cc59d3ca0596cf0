//! Who may decrypt: the proof that is asked for beside the host's key, which opens every Function.

use super::{Environment, Problem, Secret};

const SECRET: &str = "LAKEHAND_DECRYPT_SECRET";
const ROLE: &str = "LAKEHAND_DECRYPT_ROLE";

/// Fewer characters than this can be guessed.
const SHORTEST: usize = 16;

/// What may prove that a caller may decrypt; nobody may if nothing is set.
#[derive(Clone, Debug, Default)]
pub struct Decryption {
    /// What the caller must send.
    pub secret: Option<Secret>,
    /// The Entra application role that the caller must have.
    pub role: Option<String>,
    /// Whether the platform checks who the caller is. Without it, anybody can write the header
    /// that says so.
    pub is_platform_authenticated: bool,
}

impl Decryption {
    /// Reads the settings.
    pub(super) fn read(environment: &Environment, problems: &mut Vec<Problem>) -> Self {
        let text =
            |name: &str| environment.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
        let secret = text(SECRET);
        if secret.is_some_and(|secret| secret.chars().count() < SHORTEST) {
            let reason = format!("is shorter than {SHORTEST} characters");
            problems.push(Problem::new(SECRET, reason, "the output of openssl rand -hex 32"));
        }
        let authenticated = text("WEBSITE_AUTH_ENABLED");
        Self {
            secret: secret.map(Secret::new),
            role: text(ROLE).map(str::to_owned),
            is_platform_authenticated: authenticated
                .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_refused_and_never_printed() {
        let mut problems = Vec::new();
        let environment = Environment::from([(SECRET.to_owned(), "sesame".to_owned())]);
        let decryption = Decryption::read(&environment, &mut problems);
        assert_eq!(problems.len(), 1);
        assert!(!format!("{problems:?} {decryption:?}").contains("sesame"));
    }
}
