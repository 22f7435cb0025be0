//! Whose the file is, and which version wrote it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rusqlite::Connection;

use super::super::open::{OLDEST_SQLITE, check_library};
use super::super::schema::{self, Step, Use};
use super::*;

#[test]
fn a_library_that_can_lose_commits_is_refused_by_name() {
    check_library(rusqlite::version_number()).unwrap();
    check_library(OLDEST_SQLITE).unwrap();
    let refused = check_library(3_050_002).unwrap_err().to_string();
    assert!(refused.contains("SQLite 3.50.2") && refused.contains("3.51.3 or newer"), "{refused}");
}

/// What is refused is left, with nothing beside it.
fn is_left_alone(place: &Place, bytes: &[u8]) -> String {
    fs::write(place.path(), bytes).unwrap();
    let refused = [SqliteStore::open(place.path()), SqliteStore::open_read_only(place.path())];
    let texts = refused.map(|refused| {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
        refused.to_string()
    });
    assert_eq!(fs::read(place.path()).unwrap(), bytes);
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1);
    texts.into_iter().next().unwrap()
}

#[test]
fn b32_the_file_of_another_program_is_refused_by_name_and_left_as_it_is() {
    let place = Place::new();
    let other = place.raw();
    other.execute_batch("PRAGMA application_id = 252006673; CREATE TABLE tracks (name TEXT)").unwrap();
    drop(other);
    let bytes = fs::read(place.path()).unwrap();
    let refused = is_left_alone(&place, &bytes);
    assert!(refused.contains("another program") && refused.contains("0x0f055111"), "{refused}");
    is_left_alone(&place, b"all of this is text, and no database, which begins otherwise");
}

/// Who opens it as one of its own takes back what it had half done when it was killed.
#[test]
fn b32_nothing_is_repaired_for_another_program() {
    let (place, copy) = (Place::new(), Place::new());
    let other = place.raw();
    other
        .execute_batch(
            "PRAGMA application_id = 252006673; CREATE TABLE tracks (name TEXT); PRAGMA cache_size = 2; BEGIN;
             WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 500)
             INSERT INTO tracks SELECT hex(zeroblob(500)) FROM number",
        )
        .unwrap();
    let files = ["", "-journal"].map(|ending| {
        fs::copy(beside(&place.path(), ending), beside(&copy.path(), ending)).unwrap();
        beside(&copy.path(), ending)
    });
    let before = files.clone().map(|file| fs::read(file).unwrap());
    assert!(matches!(SqliteStore::open(copy.path()), Err(StoreError::Damaged { .. })));
    assert!(files.map(|file| fs::read(file).unwrap()) == before, "something was changed");
}

#[tokio::test]
async fn b38_a_file_of_a_newer_version_is_refused_by_name_or_only_read() {
    let place = Place::new();
    let walk = walk("run", 1, 2, 40);
    commit(&place.open(), &walk).await;
    let newer = |sql: &str| place.raw().execute_batch(sql).unwrap();
    newer("PRAGMA user_version = 3; UPDATE format SET min_reader = 1, min_writer = 2");
    let refused = SqliteStore::open(place.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { .. }) && refused.to_string().contains("format 3"), "{refused}");
    let reader = SqliteStore::open_read_only(place.path()).unwrap();
    assert_eq!(reader.load(&id("run")).await.unwrap(), walk[2].0);
    newer("UPDATE format SET min_writer = 1");
    drop(place.open());
    newer("UPDATE format SET min_reader = 2, min_writer = 2");
    assert!(matches!(SqliteStore::open_read_only(place.path()), Err(StoreError::Newer { .. })));
    newer("DROP TABLE format");
    assert!(matches!(SqliteStore::open_read_only(place.path()), Err(StoreError::Newer { .. })));
}

fn second(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("CREATE TABLE second (x INTEGER) STRICT; INSERT INTO second VALUES (1)")
}

#[tokio::test]
async fn b38_an_older_file_is_brought_up_to_date_once_whoever_comes_first() {
    let place = Place::new();
    let walk = walk("run", 1, 2, 40);
    commit(&place.open(), &walk).await;
    let steps: [Step; 2] = [schema::STEPS[0], second];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut db = place.raw();
                db.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
                schema::migrate(&mut db, &steps).unwrap();
            });
        }
    });
    assert_eq!(place.count("SELECT count(*) FROM second"), 1);
    assert_eq!(schema::version(&place.raw()).unwrap(), 2);
    schema::check_version(&place.raw(), &place.path(), Use::Write, 1).unwrap();
    assert_eq!(place.open().load(&id("run")).await.unwrap(), walk[2].0);
}

#[test]
fn tables_are_strict_and_files_are_their_owners() {
    let place = Place::new();
    let path = place.0.path().join("new/folder/flow.db");
    let store = SqliteStore::open(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    let lax =
        "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'";
    assert_eq!(db.query_row(lax, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    drop((store, db));
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let (place, other) = (Place::new(), Place::new());
    drop(other.open());
    symlink(other.path(), place.path()).unwrap();
    assert!(matches!(SqliteStore::open(place.path()), Err(StoreError::Io { .. })));
}

#[tokio::test]
async fn b40_who_opens_for_reading_makes_and_changes_nothing() {
    let place = Place::new();
    let is_missing = |store: Result<SqliteStore, StoreError>| match store {
        Err(StoreError::Io { source, .. }) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    assert!(is_missing(SqliteStore::open_read_only(place.path())));
    fs::write(place.path(), b"").unwrap();
    assert!(is_missing(SqliteStore::open_read_only(place.path())), "it holds no tables");

    let (store, walk) = (place.open(), walk("run", 1, 2, 40));
    let reader = SqliteStore::open_read_only(place.path()).unwrap();
    for (after, delta) in &walk {
        store.commit(after, delta).await.unwrap();
        assert_eq!(&reader.load(&id("run")).await.unwrap(), after);
    }
    let refused = [
        reader.save(&walk[0].0).await,
        reader.commit(&walk[0].0, &walk[0].1).await,
        reader.delete(&id("run")).await,
        reader.claim(&id("run"), crate::store::Owner::draw()).await.map(drop),
    ];
    assert!(refused.iter().all(|refused| matches!(refused, Err(StoreError::ReadOnly { .. }))), "{refused:?}");
}

/// What a killed process left is in the log beside the file, and who reads leaves it there.
#[tokio::test]
async fn what_is_in_the_log_is_read_and_stays_there() {
    let (place, copy) = (Place::new(), Place::new());
    let (store, walk) = (place.open(), walk("run", 1, 2, 40));
    commit(&store, &walk).await;
    for ending in ["", "-wal"] {
        fs::copy(beside(&place.path(), ending), beside(&copy.path(), ending)).unwrap();
    }
    let before = fs::read(copy.path()).unwrap();
    let reader = SqliteStore::open_read_only(copy.path()).unwrap();
    assert_eq!(reader.load(&id("run")).await.unwrap(), walk[2].0);
    drop(reader);
    assert!(fs::read(copy.path()).unwrap() == before && beside(&copy.path(), "-wal").exists());
}
