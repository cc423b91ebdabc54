//! SQLite.
/// Where an SQLite database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this file. Made if it does not exist.
    File(std::path::PathBuf),
    /// In memory: gone with the [`Sqlite`]. For tests.
    Memory,
}
/// A store in SQLite. Cheap to clone.
#[derive(Clone)]
pub struct Sqlite;
