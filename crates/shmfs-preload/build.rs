//! How the preload is linked: its cost is paid by each program that starts under it.

/// What the linker is told, and why.
const ARGS: &[&str] = &[
    // No crti.o and crtbeginS.o: no constructor, no `__cxa_finalize`, four relocations fewer.
    "-nostartfiles",
    "-Wl,-soname,libshmfs_preload.so",
    "-Wl,--gc-sections",
    // Symbols of the archives stay inside; rustc's own version script lists our C symbols.
    "-Wl,--exclude-libs,ALL",
    // What we export and call ourselves is called directly.
    "-Wl,-Bsymbolic-functions",
    // Most programs never call us. rustc reaches libc through a dozen GOT entries, which the loader binds at
    // start (measured: 0.3 % of an exec); whatever goes through a PLT is bound when it is called.
    "-Wl,-z,lazy",
    // Each of these saves a system call or a page fault at every exec: an mprotect, a mapping, a page.
    "-Wl,-z,norelro",
    "-Wl,-z,noseparate-code",
    "-Wl,--hash-style=gnu",
    "-Wl,--build-id=none",
    // Never unloaded: libc keeps our fork functions, threads may be inside.
    "-Wl,-z,nodelete",
    "-Wl,-z,noexecstack",
];

fn main() {
    for arg in ARGS {
        println!("cargo::rustc-cdylib-link-arg={arg}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
