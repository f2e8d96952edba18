//! The header is what the crate says.
#![allow(clippy::unwrap_used, reason = "a test that cannot look has failed")]

use std::fs;
use std::path::Path;

/// Set to `overwrite`, the header is written anew.
const ENV_HEADER: &str = "SHMFS_HEADER";

#[test]
fn the_header_is_made_of_the_crate() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).unwrap();
    let mut made = Vec::new();
    cbindgen::generate_with_config(crate_dir, config).unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let file = crate_dir.join("include/shmfs.h");
    if std::env::var_os(ENV_HEADER).is_some_and(|wanted| wanted == "overwrite") {
        fs::write(&file, &made).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let differs = made.lines().zip(found.lines()).position(|(made, found)| made != found);
    let line = differs.unwrap_or_else(|| made.lines().count().min(found.lines().count())) + 1;
    assert!(
        made == found,
        "include/shmfs.h differs from line {line} on; {ENV_HEADER}=overwrite makes it anew"
    );
}
