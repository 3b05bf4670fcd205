//! The Python clients of `tests/clients`, and the snippets of the README, in a venv of their own under `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed\n{out}\n{err}");
}

/// The folder of the venv's programs. Made anew where the requirements have changed, by one test at a time.
pub fn venv() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let (folder, requirements) = (target.join("pyvenv"), project().join("tests/clients/requirements.txt"));
    let lock = File::create(target.join("pyvenv.lock")).unwrap();
    lock.lock().unwrap();
    let installed = folder.join("requirements.txt");
    let wanted = fs::read(&requirements).unwrap();
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return folder.join("bin");
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements));
    fs::write(installed, wanted).unwrap();
    folder.join("bin")
}

#[test]
fn python_clients_read_what_is_served_and_written() {
    run(Command::new(venv().join("python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients"])
        .env("SAASGEN", env!("CARGO_BIN_EXE_saasgen"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(project()));
}
