package serf

import _ "serf/internal/systest/lazygc"
