//! The `gerbang` binary: arguments become a subcommand; no logic.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    gerbang::cli::run()
}
