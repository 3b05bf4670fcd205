//! Runs the Python tests in `tests/clients`, in a virtual environment under `target/`.

use crate::program::without_variables;
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

/// Returns the folder of the virtual environment's programs. Creates the environment if it is missing or its
/// requirements have changed. A lock keeps two tests from doing so at the same time.
pub fn venv() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let (folder, requirements) = (target.join("pyvenv"), project().join("tests/clients/requirements.txt"));
    let lock = File::create(target.join("pyvenv.lock")).unwrap();
    lock.lock().unwrap();
    let installed = folder.join("requirements.txt");
    let wanted = fs::read(&requirements).unwrap();
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
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
fn python_clients_read_the_served_and_the_written_tables() {
    run(without_variables(&mut Command::new(venv().join("python")))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients"])
        .env("SAASGEN", env!("CARGO_BIN_EXE_saasgen"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(project()));
}
