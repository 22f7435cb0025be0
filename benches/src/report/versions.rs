//! Which versions were measured: what the lock files say.

const LOCKS: [&str; 2] = [include_str!("../../Cargo.lock"), include_str!("../../peers-sqlx/Cargo.lock")];

/// The packages that are compared, or compared with.
const PACKAGES: [&str; 6] = ["tokio", "sayiir-runtime", "dagx", "takeln", "durare", "rusqlite"];

/// Names and versions of what is measured.
pub(super) fn all() -> Vec<(&'static str, &'static str)> {
    PACKAGES.into_iter().filter_map(|name| Some((name, version(name)?))).collect()
}

fn version(name: &str) -> Option<&'static str> {
    LOCKS.into_iter().find_map(|lock| {
        let (_, behind) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        behind.split_once('"').map(|(version, _)| version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_packages_have_a_version() {
        assert_eq!(all().len(), PACKAGES.len());
        assert!(all().contains(&("dagx", "0.3.1")), "{:?}", all());
    }
}
