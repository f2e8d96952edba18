//! How the shared library is linked.

fn main() {
    // Before 1.0 every minor version may change the interface (semver.org, section 4), so it is part of the name.
    let version = |part: &str| std::env::var(format!("CARGO_PKG_VERSION_{part}")).unwrap_or_default();
    let soname = match version("MAJOR").as_str() {
        "0" => format!("libshmfs.so.0.{}", version("MINOR")),
        major => format!("libshmfs.so.{major}"),
    };
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // Its handlers for forks and SIGBUS, and its threads, must not lose their code when somebody calls dlclose(3).
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
