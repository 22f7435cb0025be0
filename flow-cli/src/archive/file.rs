//! The file that runs are exported to.
//!
//! In: bytes. Out: a file that takes the place of what was there when it is whole, durably, since the runs in it may be
//! removed from their store right after. One that is given up leaves nothing behind.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use flow_runtime::disk::{Dir, DiskError, Fs, Replacement};

/// A file in the making.
pub(crate) struct ArchiveFile {
    dir: Arc<dyn Dir>,
    /// Until it has its name.
    replacement: Option<Replacement>,
    len: u64,
}

impl ArchiveFile {
    /// Begins the file that is to lie at this path.
    pub(crate) fn begin(fs: &dyn Fs, path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::other("there is something at this path that is no file"));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other("the path does not end with a name in UTF-8"))?;
        let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let dir = fs.open_dir(folder, false).map_err(cause)?;
        let replacement = Some(Replacement::begin(&*dir, name).map_err(cause)?);
        Ok(Self { dir, replacement, len: 0 })
    }

    /// Gives it its name.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.replacement.take().map_or(Ok(()), |replacement| replacement.finish(&*self.dir)).map_err(cause)
    }
}

impl Write for ArchiveFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(replacement) = &self.replacement {
            replacement.file().write_at(bytes, self.len).map_err(cause)?;
            self.len += bytes.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if let Some(replacement) = self.replacement.take() {
            replacement.abandon(&*self.dir);
        }
    }
}

/// What the system said. The file whose name was drawn is of no use to anybody.
fn cause(error: DiskError) -> io::Error {
    error.source
}

#[cfg(test)]
mod tests {
    use flow_runtime::disk::{CrashModel, RealFs, SimFs};

    use super::*;

    fn written(fs: &SimFs) -> ArchiveFile {
        fs.open_dir(Path::new("backup"), true).unwrap();
        let mut file = ArchiveFile::begin(fs, Path::new("backup/runs")).unwrap();
        file.write_all(b"one ").unwrap();
        file.write_all(b"two").unwrap();
        file
    }

    #[test]
    fn what_is_exported_outlasts_the_power() {
        let fs = SimFs::default();
        written(&fs).finish().unwrap();
        for after in CrashModel::ALL.into_iter().flat_map(|model| fs.after_power_loss(model)) {
            assert_eq!(after.bytes("backup/runs").unwrap(), b"one two");
        }
    }

    /// A device, a pipe or a folder is not replaced by a file of its name.
    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ArchiveFile::begin(&RealFs, folder.path()).is_err());
        assert!(ArchiveFile::begin(&RealFs, Path::new("/dev/null")).is_err());
        assert!(ArchiveFile::begin(&RealFs, Path::new("/")).is_err());
    }

    #[test]
    fn what_is_given_up_leaves_nothing_behind() {
        let fs = SimFs::default();
        drop(written(&fs));
        let left = fs.open_dir(Path::new("backup"), false).unwrap().list().unwrap();
        assert_eq!(left, Vec::<String>::new());
    }
}
