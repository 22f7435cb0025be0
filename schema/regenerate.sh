#!/bin/sh
# Makes flow-runtime/src/state/codec/generated.rs from schema/flow.fbs, and records the hash that a test compares.
# Needs cargo, a C++ compiler and cmake (`pip install cmake` is enough). See schema/README.md.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
work="$root/target/flatc"
codec="$root/flow-runtime/src/state/codec"

# The crate `flatc` carries the sources of exactly one flatc, 23.5.26; its build script compiles it.
mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "flatc-path"
version = "0.0.0"
edition = "2021"

[build-dependencies]
flatc = "=0.2.2"

[workspace]
TOML
cat > "$work/build.rs" <<'RUST'
fn main() { println!("cargo:rustc-env=FLATC={}", flatc::flatc().display()); }
RUST
cat > "$work/src/main.rs" <<'RUST'
fn main() { println!("{}", env!("FLATC")); }
RUST
flatc=$(cargo run --quiet --manifest-path "$work/Cargo.toml")

"$flatc" --rust -o "$work" "$root/schema/flow.fbs"
cp "$work/flow_generated.rs" "$codec/generated.rs"
sha256sum "$root/schema/flow.fbs" | cut -d ' ' -f 1 > "$codec/flow.fbs.sha256"
echo "wrote $codec/generated.rs"
