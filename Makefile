# Verbs for people: the steps of .ci/run, which has the logic. `make help` lists them; `make` alone runs all that CI runs.
VERBS := $(shell sed -n 's/^\#\# \([a-z-]*\):.*/\1/p' .ci/run)

.PHONY: all $(VERBS)
all: ; @bash .ci/run
$(VERBS): ; @bash .ci/run $@
