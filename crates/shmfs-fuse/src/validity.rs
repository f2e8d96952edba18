//! For how long the kernel may keep what it was told.
//!
//! Names and attributes below the mount change through the mount alone, as long as nobody else reaches them; the kernel
//! then knows of each change itself. Other doors reach the files of the root (`shared`), or the whole tree where it is
//! attached elsewhere (`attached`). A file that is open for writing changes without a word when its mapping is stored to.
//!
//! Owns: those rules.

use crate::node::{NodeId, ROOT};

/// In seconds: what only the kernel itself changes.
const LONG: u64 = 1 << 30;

/// In seconds: a mapping may outlive the file's last descriptor, and its first store then changes the times.
pub(crate) const MODEST: u64 = 1;

/// What others may do to the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reach {
    /// Others reach the files of the root, and change its names.
    pub(crate) shared: bool,
    /// Others reach the whole tree.
    pub(crate) attached: bool,
}

impl Reach {
    /// How long a name, or its absence, is good in a directory.
    pub(crate) fn of_name(self, parent: NodeId) -> u64 {
        let others = if parent == ROOT { self.shared || self.attached } else { self.attached };
        if others { 0 } else { LONG }
    }

    /// How long attributes are good.
    pub(crate) fn of_attributes(self, node: NodeId, is_regular: bool, is_written: bool) -> u64 {
        // A file below may have been in the root when it was opened.
        let reached = self.attached || self.shared && (node == ROOT || is_regular);
        if reached || is_written { 0 } else { MODEST }
    }
}
