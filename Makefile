# Verbs for people. The logic is in .ci/run, which lists them: `make help`.
VERBS := test short race slow fmt vet lint house narrow build-all processors windows smoke seeds fuzz interop \
	bench bench-compare mutate help

.PHONY: all $(VERBS)
all: ; @bash .ci/run
$(VERBS): ; @bash .ci/run $@
