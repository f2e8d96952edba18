//! The project's own commands, as `cargo xtask COMMAND`.

mod bench;
mod bindings;
mod build;
mod demo;
mod faults;
mod fuzz;
mod library;
mod miri;
mod mount;
mod mount_scale;
mod mount_sides;
mod prepare;
mod samples;
mod simulate;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask build           the program, self-contained: target/release/shm
cargo xtask demo            two programs on shared memory, and the proof that the kernel's stayed empty
cargo xtask test [--full]   prepares what the tests need and runs them; --full adds long programs, storms, fuzzing
cargo xtask bench [NAME]    the kernel and shmfs side by side
cargo xtask faults [OPTION N]...
                            10,000 clients, 1,000 brokers, 20 keepers killed under load, 1,000 brokers between request and answer;
                            --clients N, --brokers N, --keepers N, --seconds N, --seed S
cargo xtask faults --mount [OPTION N]...
                            100 brokers killed under a load on a mounted store; --brokers N, --seconds N, --seed S
cargo xtask simulate [N]    N seeds of the simulation (1,000,000), on every core
cargo xtask miri            the tests that miri can run, where a nightly compiler has it
cargo xtask tidy            the rules of the code that no compiler knows
cargo xtask fuzz [SECONDS]  libFuzzer on every target in fuzz/, where a nightly compiler exists";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["build"] => build::run(),
        ["demo"] => demo::run(),
        ["test"] => test::run(test::Tier::Quick),
        ["test", "--full"] => test::run(test::Tier::Full),
        ["bench"] => bench::run(None),
        ["bench", name] => bench::run(Some(name)),
        ["faults", "--mount", options @ ..] => faults::mount(options),
        ["faults", options @ ..] => faults::run(options),
        ["simulate"] => simulate::run(simulate::SEEDS),
        ["simulate", seeds] => match seeds.parse() {
            Ok(seeds) => simulate::run(seeds),
            Err(_) => Err(format!("`{seeds}` is not a number of seeds")),
        },
        ["miri"] => miri::run(),
        ["tidy"] => tidy::run(),
        ["fuzz"] => fuzz::run(fuzz::SECONDS),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds),
            Err(_) => Err(format!("`{seconds}` is not a number of seconds")),
        },
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
