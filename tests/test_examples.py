"""The examples for clusters: their commands are jaxmeta's, and the manifest is one of a RayJob."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from jaxmeta.cli import parser

ROOT = Path(__file__).parent.parent
SLURM = sorted((ROOT / "examples" / "slurm").glob("*.sh"))
MANIFEST = ROOT / "examples" / "kubernetes" / "rayjob.yaml"
# Of KubeRay's own definition (ray.io/v1), as far as the manifest goes.
FIELDS = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "spec": {
        *("activeDeadlineSeconds", "backoffLimit", "clusterSelector", "entrypoint", "jobId"),
        *("entrypointNumCpus", "entrypointNumGpus", "entrypointResources", "metadata"),
        *("rayClusterSpec", "runtimeEnvYAML", "shutdownAfterJobFinishes", "submissionMode"),
        *("submitterConfig", "submitterPodTemplate", "suspend", "ttlSecondsAfterFinished"),
    },
    "cluster": {
        *("authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "headGroupSpec"),
        *("rayVersion", "workerGroupSpecs"),
    },
    "head": {"rayStartParams", "template", "serviceType", "headService", "enableIngress"},
    "workers": {
        *("groupName", "maxReplicas", "minReplicas", "rayStartParams", "replicas"),
        *("scaleStrategy", "template"),
    },
}


def known(words: list[str]) -> None:
    parser(words).parse_args(words)  # leaves the process where an option is unknown


@pytest.mark.parametrize("script", SLURM, ids=lambda path: path.name)
def test_the_scripts_of_slurm(script):
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text()
    given = {"OUT": "runs/a", "STUDY": "mnist --seed 0", "OPTIONS": "--scratch runs/tmp"}
    for command in re.findall(r"^ +jaxmeta (.*?) &$", text, re.MULTILINE):
        for name, value in given.items():
            command = re.sub(rf'"?\${name}"?', value, command)
        known(shlex.split(command))
    assert len(SLURM) == 3 and ("jaxmeta tune" in text) == (script.name == "head.sh")
    assert "umask 077" in (ROOT / "examples" / "slurm" / "head.sh").read_text()


def test_the_manifest_of_kubernetes():
    job = yaml.safe_load(MANIFEST.read_text())
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    head, workers = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    for name, part in {"": job, "spec": spec, "cluster": cluster, "head": head}.items():
        assert part.keys() <= FIELDS[name], name
    assert all(group.keys() <= FIELDS["workers"] for group in workers)
    assert cluster["authOptions"] == {"mode": "token"}
    images = set()
    for group in (head, *workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        declared = {volume["name"] for volume in pod.get("volumes", ())}
        for container in pod["containers"]:
            images.add(container["image"])
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= declared
    assert len(images) == 1  # all machines need the same versions
    assert head["rayStartParams"]["num-cpus"] == "0"


def test_the_manifest_runs_jaxmeta():
    shell, flag, script = shlex.split(yaml.safe_load(MANIFEST.read_text())["spec"]["entrypoint"])
    assert (shell, flag) == ("sh", "-c")
    subprocess.run(["sh", "-n", "-c", script], check=True)
    commands = re.findall(r"jaxmeta ([^;]*)", script)
    assert [command.split()[0] for command in commands] == ["resume", "tune"]
    for command in commands:
        known(shlex.split(command))
