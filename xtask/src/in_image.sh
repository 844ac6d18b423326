#!/bin/sh
# The program of Pintle's image, as a container's runtime starts it: as the image's user, in a root that cannot be written. What
# tests made, and the shipped apps, stand where they stand outside. Only this process sees these mounts.
exec unshare --mount --propagation private sh -ec '
root=$1 repository=$2 made=${TMPDIR:-/tmp}
shift 2
mount --bind "$root" "$root"
mkdir -p "$root/dev" "$root/proc" "$root$made" "$root$repository"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$made" "$root$made"
mount --bind "$repository" "$root$repository"
mount -o remount,bind,ro "$root$repository"
mount -o remount,bind,ro "$root"
exec chroot --userspec=65532:65532 "$root" /pintle "$@"
' sh 'ROOT' 'REPOSITORY' "$@"
