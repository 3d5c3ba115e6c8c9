package netsim

import _ "serf/internal/systest/lazygc"
