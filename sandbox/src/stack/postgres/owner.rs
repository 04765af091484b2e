//! PostgreSQL refuses to run as root. This module owns the answer: another user, and a directory which that user
//! can reach.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::unistd::{Gid, Uid, User, chown, geteuid};

/// Who may run PostgreSQL when we are root, in this order.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Read, write and search for the owner alone: what PostgreSQL demands of its data directory.
const PRIVATE: u32 = 0o700;

/// The user that runs PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    uid: Uid,
    gid: Gid,
    switch: bool,
}

impl Owner {
    /// Ourselves, or an unprivileged user when we are root.
    ///
    /// # Errors
    /// When we are root and there is no other user.
    pub fn find() -> anyhow::Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { uid: geteuid(), gid: nix::unistd::getegid(), switch: false });
        }
        let user = USERS.iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.with_context(|| format!("PostgreSQL cannot run as root and none of {USERS:?} exists"))?;
        Ok(Self { uid: user.uid, gid: user.gid, switch: true })
    }

    /// The user to become before running PostgreSQL; `None` to stay.
    #[must_use]
    pub fn switch_to(self) -> Option<(Uid, Gid)> {
        self.switch.then_some((self.uid, self.gid))
    }

    /// Gives `path` to the owner.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn own(self, path: &Path) -> anyhow::Result<()> {
        if self.switch {
            chown(path, Some(self.uid), Some(self.gid))
                .with_context(|| format!("cannot give away {}", path.display()))?;
        }
        Ok(())
    }

    /// Makes the directory `wanted` for the owner alone. When the owner cannot reach it (a checkout below a closed
    /// home directory, say), the directory is made in the temporary directory and `wanted` becomes a link to it.
    ///
    /// # Errors
    /// When neither place serves.
    pub fn private_dir(self, wanted: &Path) -> anyhow::Result<PathBuf> {
        let place = match fs::read_link(wanted) {
            Ok(target) => target,
            Err(_) if self.reaches(wanted.parent().unwrap_or(wanted)) => wanted.to_owned(),
            Err(_) => {
                let target = elsewhere(wanted);
                anyhow::ensure!(
                    self.reaches(target.parent().unwrap_or(&target)),
                    "the user with id {} runs PostgreSQL and can reach neither {} nor {}: set TMPDIR to a directory \
                     open to all",
                    self.uid,
                    wanted.display(),
                    target.display()
                );
                symlink(&target, wanted).with_context(|| format!("cannot link {}", wanted.display()))?;
                target
            }
        };
        self.make(&place)?;
        Ok(place)
    }

    fn make(self, place: &Path) -> anyhow::Result<()> {
        match fs::DirBuilder::new().mode(PRIVATE).create(place) {
            Ok(()) => self.own(place)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", place.display())),
        }
        // In a shared temporary directory somebody else may have been first.
        let found = fs::symlink_metadata(place)?;
        anyhow::ensure!(
            found.is_dir() && found.uid() == self.uid.as_raw() && found.permissions().mode() & 0o077 == 0,
            "{} is not a private directory of the user with id {}: remove it",
            place.display(),
            self.uid
        );
        Ok(())
    }

    /// True when the owner may pass through `dir` and everything above it.
    fn reaches(self, dir: &Path) -> bool {
        let Ok(dir) = dir.canonicalize() else { return false };
        !self.switch
            || dir.ancestors().all(|step| {
                fs::metadata(step).is_ok_and(|found| {
                    let mode = found.permissions().mode();
                    mode & 0o001 != 0
                        || (found.gid() == self.gid.as_raw() && mode & 0o010 != 0)
                        || (found.uid() == self.uid.as_raw() && mode & 0o100 != 0)
                })
            })
    }
}

/// A name in the temporary directory that belongs to this checkout alone.
fn elsewhere(wanted: &Path) -> PathBuf {
    let mut hash = DefaultHasher::new();
    wanted.hash(&mut hash);
    std::env::temp_dir().join(format!("causeway-postgres-{:016x}", hash.finish()))
}

/// Removes a directory made by [`Owner::private_dir`], and what its link points to.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(wanted: &Path) -> anyhow::Result<()> {
    if let Ok(target) = fs::read_link(wanted) {
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        fs::remove_file(wanted)?;
    } else if wanted.exists() {
        fs::remove_dir_all(wanted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_place_is_replaced_by_a_link() {
        let owner = Owner::find().unwrap();
        if !owner.switch {
            return;
        }
        let base = std::env::temp_dir().join(format!("causeway-owner-{}", std::process::id()));
        fs::DirBuilder::new().mode(PRIVATE).create(&base).unwrap();
        let wanted = base.join("postgres");
        let place = owner.private_dir(&wanted).unwrap();
        assert_ne!(place, wanted);
        assert_eq!(fs::metadata(&place).unwrap().uid(), owner.uid.as_raw());
        assert_eq!(owner.private_dir(&wanted).unwrap(), place, "found again");
        remove(&wanted).unwrap();
        assert!(!place.exists() && fs::symlink_metadata(&wanted).is_err());
        fs::remove_dir(&base).unwrap();
    }
}
