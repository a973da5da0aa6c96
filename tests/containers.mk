# Containers of real engines, as root. Their packages are not installed by `make test`: what is missing is skipped.
#   apt-get install docker.io containerd runc podman conmon busybox-static

CONTAINERS_TALLY := $(O)/tests/containers.tally

.PHONY: check-containers
## make check-containers targets in docker, podman, containerd and runc (T="Docker Runc": only those)
check-containers: all
	@tests/lib/count.sh start $(CONTAINERS_TALLY)
	@SPANTAP=$(O)/spantap tests/lib/count.sh run $(CONTAINERS_TALLY) tests/e2e/containers.py tests/e2e/containers.py $(T)
	@tests/lib/count.sh total $(CONTAINERS_TALLY)
