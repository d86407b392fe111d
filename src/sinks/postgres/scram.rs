//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side: the password is proven, and never sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::crypto::ring::default_provider;
use sha2::{Digest, Sha256};

const BLOCK: usize = 64;
/// More rounds than any server asks for; a hostile one could keep us busy.
const MOST_ROUNDS: u32 = 1_000_000;

pub struct Scram {
    /// Empty: the server knows the user from the session's beginning.
    user: &'static str,
    password: String,
    nonce: String,
    /// What the server has to send in the end.
    expected: Option<String>,
    is_proven: bool,
}

impl Scram {
    /// With a nonce by chance.
    pub fn begin(password: &str) -> Result<Scram, String> {
        let mut random = [0; 18];
        default_provider().secure_random.fill(&mut random).map_err(|_| "the machine has no random numbers")?;
        Scram::with_nonce("", password, BASE64.encode(random))
    }

    fn with_nonce(user: &'static str, password: &str, nonce: String) -> Result<Scram, String> {
        // Other passwords would have to be brought into a normal form first.
        if !password.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err("the password has other characters than ASCII's: choose another one".to_string());
        }
        Ok(Scram { user, password: password.to_string(), nonce, expected: None, is_proven: false })
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    pub fn first(&self) -> String {
        format!("n,,{}", self.bare())
    }

    /// The answer to the server's challenge.
    pub fn answer(&mut self, challenge: &str) -> Result<String, String> {
        let wrong = || "the database's challenge cannot be read".to_string();
        let part = |name: &str| challenge.split(',').find_map(|p| p.strip_prefix(name)).ok_or_else(wrong);
        let (nonce, salt, rounds) = (part("r=")?, part("s=")?, part("i=")?);
        let salt = BASE64.decode(salt).map_err(|_| wrong())?;
        let rounds: u32 = rounds.parse().map_err(|_| wrong())?;
        if !nonce.starts_with(&self.nonce) || !(1..=MOST_ROUNDS).contains(&rounds) {
            return Err(wrong());
        }
        let salted = stretched(self.password.as_bytes(), &salt, rounds);
        let client_key = hmac(&salted, b"Client Key");
        let last = format!("c=biws,r={nonce}");
        let all = format!("{},{challenge},{last}", self.bare());
        let signature = hmac(&Sha256::digest(client_key), all.as_bytes());
        let mut proof = client_key;
        proof.iter_mut().zip(signature).for_each(|(a, b)| *a ^= b);
        let server = hmac(&hmac(&salted, b"Server Key"), all.as_bytes());
        self.expected = Some(format!("v={}", BASE64.encode(server)));
        Ok(format!("{last},p={}", BASE64.encode(proof)))
    }

    /// Whether the server knows the password too.
    pub fn verify(&mut self, last: &str) -> Result<(), String> {
        self.is_proven = self.expected.as_deref() == Some(last);
        match self.is_proven {
            true => Ok(()),
            false => Err("the database did not prove that it knows the password".to_string()),
        }
    }

    pub fn is_proven(&self) -> bool {
        self.is_proven
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

/// PBKDF2 with one block.
fn stretched(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut out = last;
    for _ in 1..rounds {
        last = hmac(password, &last);
        out.iter_mut().zip(last).for_each(|(a, b)| *a ^= b);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn proofs_are_those_of_the_standard() {
        let mut scram = Scram::with_nonce("user", "pencil", "rOprNGfwEbeRWgbNEkqO".into()).unwrap();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let answer = scram.answer(&format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")).unwrap();
        assert_eq!(answer, format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
        assert!(scram.verify("v=AAAA").is_err() && !scram.is_proven());
        scram.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(scram.is_proven());
    }

    #[test]
    fn a_challenge_to_somebody_else_is_refused() {
        let mut scram = Scram::with_nonce("", "pencil", "mine".into()).unwrap();
        assert!(scram.answer("r=yours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").is_err());
        assert!(scram.answer("r=mine1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999").is_err());
        assert!(Scram::with_nonce("", "pässwort", "n".into()).is_err());
    }
}
