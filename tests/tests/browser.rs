//! Chromium without a window, unmodified, under `shm run`: a program that makes its shared memory by mkstemp and open
//! under /dev/shm.
//!
//! Where the kernel has memfd_create, Chromium uses that instead. So it is made to believe that there is none.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, Outcome, Setting, full, need_program, setting, skip};
use std::fs;

/// Debian's own program; /usr/bin/chromium is a script that may choose /tmp in place of /dev/shm.
const CHROMIUM: &str = "/usr/lib/chromium/chromium";

/// Without a sandbox (it refuses root), and without anything that would ask the network.
const OPTIONS: &str = "--no-sandbox --headless --disable-gpu --disable-quic --no-first-run --disable-sync \
     --disable-background-networking --disable-component-update --disable-breakpad --disable-crash-reporter";

/// Prints the page as PDF, and what its own script made of it.
fn script(name: &str) -> String {
    format!(
        "export HOME=\"$0/{name}\" && mkdir \"$HOME\" && \"$0/no_memfd\" {CHROMIUM} {OPTIONS} \
         --user-data-dir=\"$HOME/profile\" --print-to-pdf=\"$0/{name}.pdf\" --dump-dom \"file://$0/page.html\""
    )
}

fn expect_printed(setting: &Setting, name: &str, outcome: Outcome) {
    let said = outcome.expect_success(name);
    assert!(said.contains("<p id=\"said\">rendered 5050 in 255,0,0,255</p>"), "{name}: {said}");
    let pdf = fs::read(setting.scratch().join(&format!("{name}.pdf"))).expect("the printed page");
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 1000, "{name}: {} bytes", pdf.len());
}

#[test]
fn chromium_prints_a_page() {
    if !full() {
        skip!("Chromium: with --full");
    }
    need_program!(CHROMIUM, "chromium");
    let setting = setting!("chromium", DevShm::Ample);
    setting.compile("no_memfd");
    setting.copy("page.html");
    expect_printed(&setting, "native", setting.natively(&[], &script("native")));
    let (outcome, usage) = setting.serve(&[], &["--size", "4G"], &script("served"));
    expect_printed(&setting, "served", outcome);
    setting.prove(&usage, &["fork"]);
    // There were 225; few would mean processes that shmfs did not reach.
    assert!(usage["created"]["objects"].as_u64() > Some(50), "{usage}");
    assert!(usage["peak_bytes"].as_u64() > Some(1 << 20), "{usage}");
}
