//! Compiles the protobuf messages; protox is pure Rust, so no `protoc` is needed.

use prost::Message as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let messages = protox::compile(["saasgen/v1/scan.proto"], ["proto"])?;
    prost_build::Config::new().compile_fds(messages)?;
    // The descriptors for gRPC reflection.
    let all = protox::compile(["Flight.proto", "saasgen/v1/scan.proto"], ["proto"])?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("descriptors.bin"), all.encode_to_vec())?;
    Ok(())
}
