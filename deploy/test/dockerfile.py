"""Proves of deploy/Dockerfile what can be proved without a container engine.

    python3 deploy/test/dockerfile.py                     # with the binary that `cargo build --release` left
    python3 deploy/test/dockerfile.py --binary PATH       # with another one
    python3 deploy/test/dockerfile.py --build             # builds it first, as the Dockerfile does

It lints the file, makes the build context as `.dockerignore` leaves it, runs the RUN steps in order, and puts together
the final image's files: what the last stage copies, and the libraries of the base image that the binary asks for. In
that root, as the image's user, with the image's environment, it starts the entry point: also as a worker, against an
emulator, until SIGTERM. What it cannot prove is that the two base images are what their names say.

`cargo build` is replaced: the one that builds the dependencies by `cargo metadata`, which reads every manifest; the
last one by the binary at hand, unless `--build` is given. The last line is `N passed, N failed`.
"""

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from template import ROOT, Peer, expect, free_port, installed, tell  # noqa: E402

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
# What distroless/cc holds beside its certificates: glibc's libraries, libgcc and libstdc++.
BASE_LIBRARIES = re.compile(
    r"(ld-linux-[\w-]+\.so\.\d|lib(c|m|dl|rt|pthread|resolv|util|anl|nss_\w+|gcc_s|stdc\+\+|gomp)\.so\.\d+)"
)
BASE_GLIBC_MAX = (2, 36)  # Debian 12
WORKER_LEAVES_SECONDS_MAX = 25


def instructions():
    """(name, arguments) of every instruction, comments and line ends resolved."""
    body = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.M)
    for line in re.sub(r"\\\n", " ", body).splitlines():
        if line.strip():
            name, arguments = line.strip().split(None, 1)
            yield name.upper(), " ".join(arguments.split())


def stages():
    """The instructions of each stage."""
    found = []
    for name, arguments in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments))
    return found


def exec_form(arguments):
    parsed = json.loads(arguments)
    expect(isinstance(parsed, list), f"{arguments} needs a shell, and the image has none")
    return parsed


def flags_and_paths(arguments):
    words = shlex.split(arguments)
    flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    return flags, sources, target


def ignored(path, patterns):
    """Whether `.dockerignore` keeps a path out: the last pattern that matches it or a folder above it decides."""
    out = False
    above = [path, *path.parents][:-1]
    for pattern in patterns:
        wanted = pattern.lstrip("!")
        for part in above:
            name = str(part)
            whole = fnmatch.fnmatchcase(name, wanted) and (wanted != "*" or "/" not in name)
            if whole or wanted.startswith("**/") and fnmatch.fnmatchcase(part.name, wanted[3:]):
                out = not pattern.startswith("!")
    return out


def make_context(folder):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in sorted(set(listed.stdout.splitlines())):
        source = ROOT / name
        if source.is_file() and not ignored(Path(name), patterns):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


def copy_into(base, sources, target, root, workdir):
    """COPY: folders give their contents, files go into a target that ends in a slash or get its name."""
    place = root / target.lstrip("/") if target.startswith("/") else root / workdir.lstrip("/") / target
    for source in sources:
        found = base / source.lstrip("/")
        expect(found.exists(), f"COPY {source}: it is not in the context")
        if found.is_dir():
            shutil.copytree(found, place, dirs_exist_ok=True)
        else:
            goal = place / found.name if target.endswith("/") else place
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, goal)


class Image:
    """The final image's files in a folder, and how its processes are started: with util-linux's `unshare`."""

    def __init__(self, root, stage):
        self.root, self.environment, self.workdir = root, {"PATH": "/usr/local/bin:/usr/bin:/bin"}, "/"
        for name, arguments in stage:
            if name == "ENV":
                self.environment.update(dict([arguments.split("=", 1)]))
            elif name == "WORKDIR":
                self.workdir = arguments
            elif name in ("USER", "ENTRYPOINT", "CMD", "VOLUME", "STOPSIGNAL", "HEALTHCHECK"):
                setattr(self, name.lower(), arguments)
        self.uid, self.gid = (int(part) for part in self.user.split(":"))

    def start(self, command, **more):
        """Starts a command as the container would: its root, user, folder and environment, and nothing of ours."""
        # /proc, /sys and /dev in a mount namespace of its own, then the root, then the user. Every step replaces the one
        # before, so that the process keeps its id and gets its signals. Without root, all of it in a user namespace.
        mounts = " && ".join(f"mount --rbind /{name} {self.root}/{name}" for name in ("proc", "sys", "dev"))
        inside = [f"--root={self.root}", f"--wd={self.workdir}"]
        if os.geteuid() == 0:
            outer, user = ["--mount"], [f"--setgid={self.gid}", f"--setuid={self.uid}"]
        else:
            outer, user = ["--mount", "--map-root-user"], [f"--map-user={self.uid}", f"--map-group={self.gid}"]
        return subprocess.Popen(
            ["unshare", *outer, "sh", "-c", f'{mounts} && exec unshare "$@"', "sh", *inside, *user, *command],
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command, **more):
        process = self.start(command, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


def facts(options, work):
    build, final = stages()
    context, builder, root = work / "context", work / "builder", work / "image"
    state = {}

    def the_linter_has_nothing_to_say():
        done = subprocess.run([installed("lint").parent / "hadolint", DOCKERFILE], capture_output=True, text=True)
        expect(done.returncode == 0, done.stdout + done.stderr)

    def every_manifest_is_there_before_the_dependencies_are_built():
        first = [arguments for name, arguments in build if name in ("COPY", "RUN")]
        first = " ".join(first[: next(i for i, text in enumerate(first) if text.startswith("cargo build"))])
        for manifest in sorted(ROOT.glob("crates/*/Cargo.toml")):
            expect(f"{manifest.relative_to(ROOT)} " in first, f"{manifest.relative_to(ROOT)} is not copied")

    def the_context_is_small_and_holds_no_data():
        make_context(context)
        tops = sorted(path.name for path in context.iterdir())
        expect(tops == ["Cargo.lock", "Cargo.toml", "crates", "queries"], f"the context holds {tops}")
        strange = [str(p) for p in context.rglob("*") if p.is_dir() and p.name in ("testdata", "tests", "target")]
        expect(not strange, f"the context holds {strange}")

    def the_build_steps_run():
        workdir = "/"
        for name, arguments in build:
            if name == "WORKDIR":
                workdir = arguments
                (builder / workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif name == "COPY":
                _, sources, target = flags_and_paths(arguments)
                copy_into(context, sources, target, builder, workdir)
            elif name == "RUN":
                run_step(arguments, builder / workdir.lstrip("/"))
        for name, arguments in build:
            expect(name != "RUN" or "cargo build" not in arguments or "--release --locked" in arguments, arguments)

    def run_step(step, folder):
        environment = dict(os.environ)
        if "cargo build" in step:
            shims = work / "shims"
            shims.mkdir(exist_ok=True)
            target = folder / "target"
            if "--bin" not in step:
                action = "exec {cargo} metadata --no-deps --locked --offline --format-version 1 > manifests.json"
            elif options.build:
                target.symlink_to(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve())
                action = 'exec {cargo} "$@"'
            else:
                action = f"mkdir -p target/release && cp {shlex.quote(str(options.binary))} target/release/snowtrail"
            shim = shims / "cargo"
            shim.write_text("#!/bin/sh\nset -e\n" + action.format(cargo=shutil.which("cargo")) + "\n")
            shim.chmod(0o755)
            environment["PATH"] = f"{shims}:{environment['PATH']}"
        done = subprocess.run(["/bin/sh", "-c", step], cwd=folder, env=environment, capture_output=True, text=True)
        expect(done.returncode == 0, f"RUN {step}: {done.stderr[-800:]}")

    def the_final_image_has_all_that_the_binary_needs():
        image = state["image"] = Image(root, final)
        for name, arguments in final:
            if name == "COPY":
                flags, sources, target = flags_and_paths(arguments)
                expect(flags.get("from") == "build", f"COPY {arguments}: from the context")
                copy_into(builder, sources, target, root, image.workdir)
                if "chown" in flags and os.geteuid() == 0:
                    os.chown(root / target.lstrip("/"), *(int(part) for part in flags["chown"].split(":")))
        binary = root / "usr/local/bin/snowtrail"
        done = subprocess.run(["ldd", binary], capture_output=True, text=True)
        for path in re.findall(r"(/\S+\.so\S*)", done.stdout):
            name = Path(path).name
            expect(BASE_LIBRARIES.fullmatch(name), f"the binary asks for {name}, which the base image has not")
            (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, root / path.lstrip("/"))
        expect("not found" not in done.stdout, done.stdout)
        for name in ("proc", "sys", "dev"):
            (root / name).mkdir()
        for folder in [root, *root.rglob("*")]:
            if folder.is_dir() and not folder.is_relative_to(root / "var/lib/snowtrail"):
                folder.chmod(0o755)

    def the_binary_asks_for_no_newer_glibc():
        asked = re.findall(rb"GLIBC_(\d+)\.(\d+)", (root / "usr/local/bin/snowtrail").read_bytes())
        newest = max((int(major), int(minor)) for major, minor in asked)
        expect(newest <= BASE_GLIBC_MAX, f"it asks for glibc {newest}, and Debian 12 has {BASE_GLIBC_MAX}")

    def it_runs_as_nobody_in_particular():
        image = state["image"]
        expect(image.uid > 0 and image.gid > 0, "the image runs as root")
        expect(image.stopsignal == "SIGTERM", image.stopsignal)
        code, out, err = image.run([*exec_form(image.entrypoint), "--version"])
        expect(code == 0 and out.startswith("snowtrail "), f"exit {code}: {out}{err}")

    def without_settings_it_says_what_is_missing():
        image = state["image"]
        code, out, err = image.run([*exec_form(image.entrypoint), *exec_form(image.cmd)])
        expect(code == 2 and "--queue" in err, f"exit {code}: {out}{err}")

    def the_health_check_fails_where_nothing_answers():
        image = state["image"]
        code, out, err = image.run(exec_form(image.healthcheck.split(" CMD ", 1)[1]), SNOWTRAIL_HEALTH="127.0.0.1:1")
        expect(code not in (0, 126, 127), f"exit {code}: {out}{err}")

    def it_can_replay_with_a_root_that_it_cannot_write():
        image = state["image"]
        # One that fires without a policy.
        story = ROOT / "testdata/rules/rotation-failed/fires-in-set-secret.json"
        (root / "data").mkdir(exist_ok=True)
        shutil.copy2(story, root / "data/log.json")
        code, out, err = image.run([*exec_form(image.entrypoint), "replay", "/data/log.json", "--format", "json"])
        expect(code == 0 and out.startswith("{"), f"exit {code}: {out}{err}")

    def the_worker_runs_tells_its_health_and_leaves_on_sigterm():
        image, peer = state["image"], Peer("ministack")
        try:
            queue = peer.client("sqs").create_queue(QueueName="feed")["QueueUrl"]
            topic = peer.client("sns").create_topic(Name="pages")["TopicArn"]
            peer.client("s3").create_bucket(
                Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
            )
            settings = {
                "AWS_ENDPOINT_URL": peer.url, "AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "111122223333",
                "AWS_SECRET_ACCESS_KEY": "unused", "SNOWTRAIL_QUEUE": queue, "SNOWTRAIL_LAKE": "s3://lake/lake",
                "SNOWTRAIL_PUBLISH": topic, "SNOWTRAIL_HEALTH": f"127.0.0.1:{free_port()}",
            }
            worker = image.start([*exec_form(image.entrypoint), *exec_form(image.cmd)], **settings)
            try:
                check = exec_form(image.healthcheck.split(" CMD ", 1)[1])
                for _ in range(120):
                    code, _, said = image.run(check, **settings)
                    if code == 0 or worker.poll() is not None:
                        break
                    time.sleep(0.5)
                if worker.poll() is not None:
                    raise AssertionError(f"the worker ended with {worker.returncode}: {worker.stderr.read()[-800:]}")
                expect(code == 0, f"the health check says {code}: {said}")
                time.sleep(1)
                worker.send_signal(signal.SIGTERM)
                out, err = worker.communicate(timeout=WORKER_LEAVES_SECONDS_MAX)
                expect(worker.returncode == 0, f"it left with {worker.returncode}: {err[-800:]}")
                beats = [json.loads(line) for line in out.splitlines() if '"Heartbeat"' in line]
                expect(beats and beats[0]["Lake"] == "s3://lake/lake", f"no heartbeat of this lake in {out[-800:]}")
                space = beats[0]["_aws"]["CloudWatchMetrics"][0]
                expect(space["Namespace"] == "Snowtrail" and space["Dimensions"] == [["Lake"]], f"{space}")
            finally:
                if worker.poll() is None:
                    worker.kill()
        finally:
            peer.stop()

    return [
        the_linter_has_nothing_to_say, every_manifest_is_there_before_the_dependencies_are_built,
        the_context_is_small_and_holds_no_data, the_build_steps_run, the_final_image_has_all_that_the_binary_needs,
        the_binary_asks_for_no_newer_glibc, it_runs_as_nobody_in_particular, without_settings_it_says_what_is_missing,
        the_health_check_fails_where_nothing_answers, it_can_replay_with_a_root_that_it_cannot_write,
        the_worker_runs_tells_its_health_and_leaves_on_sigterm,
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "snowtrail"
    parser.add_argument("--binary", type=Path, default=default, help="the binary to put into the image")
    parser.add_argument("--build", action="store_true", help="build it, with CARGO_TARGET_DIR as cache")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.build and not options.binary.is_file():
        parser.error(f"no binary at {options.binary}: `cargo build --release` first, or --build, or --binary PATH")
    work = Path(tempfile.mkdtemp(prefix="snowtrail-image-"))
    work.chmod(0o755)
    try:
        return tell(facts(options, work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
