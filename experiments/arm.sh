#!/bin/sh
# A Python for Arm with JAX's own wheels for it, run by qemu: make portable then has it too
# For Debian and root; takes Debian's arm64 packages into build/arm, and installs none of them.
set -eu
cd "$(dirname "$0")/.."
here=$PWD/build/arm
mkdir -p "$here/debs"
chmod 777 "$here/debs"
command -v qemu-aarch64 > /dev/null || apt-get install -qq -y qemu-user
dpkg --add-architecture arm64
apt-get update -qq
(
    cd "$here/debs"
    apt-get download -qq $(for package in python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \
        libc6 libexpat1 zlib1g libssl3 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libstdc++6 \
        libgcc-s1 libcrypt1; do echo "$package:arm64"; done)
    for file in *.deb; do dpkg -x "$file" "$here/root"; done
)
# The versions of the lock that have wheels; TensorFlow Datasets, which these tasks do without, has none.
grep -oE '^[A-Za-z0-9_.-]+==[^ ;\\]+' requirements/run.txt | grep -vE '^(promise|tensorflow)' > "$here/wanted.txt"
.venv/bin/python -m pip --disable-pip-version-check -qq install --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 $(for n in 2_17 2_24 2_26 2_27 2_28; do
        echo --platform "manylinux_${n}_aarch64"; done) --platform manylinux2014_aarch64 \
    --upgrade --target "$here/site" -r "$here/wanted.txt"
cat > "$here/python" << END
#!/bin/sh
export PYTHONHOME=$here/root/usr PYTHONPATH=$here/site:$PWD
exec qemu-aarch64 -L $here/root -cpu neoverse-n1 $here/root/usr/bin/python3.11 "\$@"
END
chmod +x "$here/python"
"$here/python" -c 'import jax, platform; print(platform.machine(), "jax", jax.__version__)'
