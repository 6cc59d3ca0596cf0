//! Who may decrypt and who may wrap keys anew: the proof that is asked for beside the host's key,
//! which opens every Function.

use super::{Environment, Problem, Secret};

/// Fewer characters than this can be guessed.
const SHORTEST: usize = 16;

/// What asks for a second proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarded {
    /// Opening files.
    Decrypt,
    /// Wrapping data keys anew.
    Keys,
}

impl Guarded {
    /// The header in which the secret comes.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Decrypt => "x-lakehand-decrypt",
            Self::Keys => "x-lakehand-keys",
        }
    }

    /// The setting that holds the secret.
    pub fn secret_setting(self) -> &'static str {
        match self {
            Self::Decrypt => "LAKEHAND_DECRYPT_SECRET",
            Self::Keys => "LAKEHAND_KEYS_SECRET",
        }
    }

    /// The setting that names the application role.
    pub fn role_setting(self) -> &'static str {
        match self {
            Self::Decrypt => "LAKEHAND_DECRYPT_ROLE",
            Self::Keys => "LAKEHAND_KEYS_ROLE",
        }
    }
}

/// What may prove that a caller may do a guarded thing; nobody may if nothing is set.
#[derive(Clone, Debug)]
pub struct SecondProof {
    /// The guarded thing.
    pub of: Guarded,
    /// What the caller must send.
    pub secret: Option<Secret>,
    /// The Entra application role that the caller must have.
    pub role: Option<String>,
    /// Whether the platform checks who the caller is. Without it, anybody can write the header
    /// that says so.
    pub is_platform_authenticated: bool,
}

impl SecondProof {
    /// Reads the settings.
    pub(super) fn read(
        of: Guarded,
        environment: &Environment,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let text =
            |name: &str| environment.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
        let secret = text(of.secret_setting());
        if secret.is_some_and(|secret| secret.chars().count() < SHORTEST) {
            let reason = format!("is shorter than {SHORTEST} characters");
            let example = "the output of openssl rand -hex 32";
            problems.push(Problem::new(of.secret_setting(), reason, example));
        }
        let authenticated = text("WEBSITE_AUTH_ENABLED");
        Self {
            of,
            secret: secret.map(Secret::new),
            role: text(of.role_setting()).map(str::to_owned),
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
        for of in [Guarded::Decrypt, Guarded::Keys] {
            let mut problems = Vec::new();
            let setting = of.secret_setting().to_owned();
            let environment = Environment::from([(setting, "sesame".to_owned())]);
            let proof = SecondProof::read(of, &environment, &mut problems);
            assert_eq!(problems.len(), 1);
            assert!(!format!("{problems:?} {proof:?}").contains("sesame"));
        }
    }
}
