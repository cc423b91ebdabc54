//! Operator tokens and the platform's own secrets.

use otaru_fleet::Timestamp;
use rusqlite::OptionalExtension;

use super::{
    super::{Answer, Keys},
    Sqlite,
    rows::{int, number},
};

impl Keys for Sqlite {
    fn add_token(&self, name: &str, sha256: [u8; 32], now: Timestamp) -> Answer<'_, ()> {
        let name = name.to_owned();
        self.writing(move |connection| {
            connection
                .prepare_cached("INSERT INTO tokens (name, sha256, created_at) VALUES (?1, ?2, ?3)")?
                .execute((name, sha256, int(now.0)))?;
            Ok(())
        })
    }

    fn token(&self, sha256: [u8; 32]) -> Answer<'_, Option<String>> {
        self.reading(move |connection| {
            Ok(connection
                .prepare_cached("SELECT name FROM tokens WHERE sha256 = ?1")?
                .query_row([sha256], |row| row.get(0))
                .optional()?)
        })
    }

    fn token_count(&self) -> Answer<'_, u64> {
        self.reading(|connection| {
            Ok(connection.query_row("SELECT count(*) FROM tokens", [], |row| number(row, 0))?)
        })
    }

    fn platform_secret(&self, name: &'static str, fresh: [u8; 32]) -> Answer<'_, [u8; 32]> {
        self.writing(move |connection| {
            connection.execute(
                "INSERT INTO platform_secrets (name, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                (name, fresh),
            )?;
            Ok(connection.query_row(
                "SELECT secret FROM platform_secrets WHERE name = ?1",
                [name],
                |row| row.get(0),
            )?)
        })
    }
}
