//! An audit survives a crash at each of its commits, and its report is the same to the byte.

use std::fs;

use flow_runtime::testing::CrashTest;

use super::*;

/// What the nodes take, with a report in a folder of its own.
struct Audit {
    app: App,
    folder: tempfile::TempDir,
}

impl Provide<Sources> for Audit {
    fn provide(&self) -> &Sources {
        &self.app.sources
    }
}

impl Provide<Target> for Audit {
    fn provide(&self) -> &Target {
        &self.app.target
    }
}

impl Audit {
    /// Of this workspace.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::new(&folder.path().join("report.md")).unwrap();
        Self { app: App { sources: Sources::of(&in_workspace(".")).unwrap(), target }, folder }
    }

    fn report(&self) -> String {
        fs::read_to_string(self.folder.path().join("report.md")).unwrap()
    }
}

#[tokio::test]
async fn b42_b43_an_audit_survives_a_crash_at_each_commit() {
    let mut packages = lock::read(&in_workspace("Cargo.lock")).unwrap().packages;
    // Members, packages of a registry, and one that is nowhere.
    packages.retain(|package| ["flow-runtime", "anyhow", "flatbuffers"].contains(&package.name.as_str()));
    assert_eq!(packages.len(), 3);
    let mut nowhere = packages[0].clone();
    nowhere.name = "nowhere".to_owned();
    packages.push(nowhere);
    let test = CrashTest::new(|| license_audit(packages.clone())).state(Audit::new).effects(Audit::report);
    assert!(test.everywhere().await.unwrap().len() > 6);
}
